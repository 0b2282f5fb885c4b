"""Free ports of 127.0.0.1."""

import random
import socket

from cluster.errors import PortTaken

# Below the kernel's range for outgoing connections, which would take a port while it is unused.
PORT_RANGE = range(20_000, 32_000)


def free_ports(count: int, avoid: frozenset[int] = frozenset()) -> list[int]:
    """Ports that nobody listens on now, in random order."""
    found: list[int] = []
    for port in random.sample(PORT_RANGE, len(PORT_RANGE)):
        if port not in avoid and is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise PortTaken(
        f"fewer than {count} free ports between {PORT_RANGE.start} and {PORT_RANGE.stop}",
        hint="ss -ltnp",
    )


def is_free(port: int) -> bool:
    """Whether a server could listen on this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
