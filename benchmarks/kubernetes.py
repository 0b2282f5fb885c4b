"""Releases of real pods behind a real Envoy Gateway, beside plain kubectl: lost requests, undos.

Needs root, containerd, runc, nft and the CNI plugins, and the programs of a cluster, which are
built where they are missing. The clients count outside of everything, in the node's network.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "tests" / "kubernetes")]

import kube_gateway  # noqa: E402
import kube_naive  # noqa: E402
import kube_real  # noqa: E402
from kube_build import CannotBuild, program  # noqa: E402
from kube_clients import Clients  # noqa: E402
from kube_naive import CAREFUL, NAIVE  # noqa: E402
from kube_real import RealNode, inside  # noqa: E402
from kube_storefront import ORDERS, PRICES, Storefront, asking  # noqa: E402
from kube_undone import Undone, moved_at, undone  # noqa: E402

STABLE, NEXT, BAD = "v1.0.0", "v2.0.0", "v3.0.0"
OURS = {"/prices": 200.0, "/orders": 100.0}
RATE = 300.0
SETTLED = 1.0
# Of each kind: a new connection for each request, and connections that are kept.
FULL, SHORT = 20_000, 3_000
UNDOS, FEW_UNDOS = 10, 2


def rows(full: bool) -> list[dict[str, Any]]:
    """One node, one gateway; ours first, then kubectl, each asked as much."""
    absent = _missing()
    if absent is not None:
        return [{"what": "releases in a cluster", "not measured": absent}]
    enough, undos = (FULL, UNDOS) if full else (SHORT, FEW_UNDOS)
    with (
        tempfile.TemporaryDirectory(prefix="pincex-kubernetes-") as place,
        _node(Path(place) / "node") as node,
        inside(node.namespace),
    ):
        with _begun(node, Path(place) / "both", PRICES + ORDERS) as shop:
            lost = [_ours(shop, enough), _kubectl(shop, enough)]
        # What must be started before it can serve again would be measured with the undo.
        with _begun(node, Path(place) / "prices", PRICES) as shop:
            return [*lost, *_undos(shop, undos)]


def _missing() -> str | None:
    try:
        for module in ("kube", "pod", "gateway"):
            program(module)
    except CannotBuild as error:
        return str(error)
    return kube_real.missing() or kube_gateway.missing()


@contextmanager
def _node(directory: Path) -> Iterator[RealNode]:
    node = RealNode(directory, bound=True)
    try:
        node.up()
        kube_gateway.gateway_up(node)
        yield node
    finally:
        kube_gateway.gateway_down(node)
        node.down()
        assert node.left() == []


@contextmanager
def _begun(node: RealNode, home: Path, application: str) -> Iterator[Storefront]:
    home.mkdir()
    with Storefront(node, home, application) as shop:
        shop.begin()
        yield shop


def _ours(shop: Storefront, enough: int) -> dict[str, Any]:
    def update() -> None:
        shop.must(0, "deploy", NEXT)
        shop.must(0, "rollback")

    said = "pincex deploy in four steps, promotion, pincex rollback"
    return _lost(said, OURS, update, enough)


def _kubectl(shop: Storefront, enough: int) -> dict[str, Any]:
    kube_naive.begin(shop, NAIVE)

    def update() -> None:
        kube_naive.set_image(shop, NAIVE, NEXT)
        kube_naive.undo(shop, NAIVE)

    said = "kubectl set image, kubectl rollout undo: no probe, no preStop, ends at once on SIGTERM"
    return _lost(said, {f"/{NAIVE}": RATE}, update, enough)


def _lost(
    said: str, rates: Mapping[str, float], update: Callable[[], None], enough: int
) -> dict[str, Any]:
    """Update there and back again until each kind of client has sent enough."""
    updates = 0
    with asking(rates) as clients:
        time.sleep(SETTLED)
        while any(sum(one.asked for one in kind) < enough for kind in _kinds(clients)):
            update()
            updates += 1
            time.sleep(SETTLED)
    fresh, kept = _kinds(clients)
    _told(said, clients)
    return {
        "what": said,
        "updates, there and back": updates,
        "failed, a new connection each": _share(fresh),
        "failed, keep-alive": _share(kept),
    }


def _kinds(clients: list[Clients]) -> tuple[list[Clients], list[Clients]]:
    return [one for one in clients if one.fresh], [one for one in clients if not one.fresh]


def _share(clients: list[Clients]) -> str:
    asked = sum(one.asked for one in clients)
    failed = sum(one.failed.total() + one.wrong.total() for one in clients)
    return f"{failed:,} of {asked:,} ({100 * failed / asked:.2g} %)"


def _told(said: str, clients: list[Clients]) -> None:
    """Each kind of failure, for whoever watches the run."""
    for one in clients:
        kind = "new connections" if one.fresh else "keep-alive"
        found = {**one.failed, **one.wrong}
        print(f"{said}; {one.path} {kind}: {one.asked} asked, {found}", file=sys.stderr)


def _undos(shop: Storefront, count: int) -> list[dict[str, Any]]:
    """Undone by evidence, by command, and by kubectl; a version that fails half of its requests."""
    with asking({"/prices": RATE}) as clients:
        by_evidence = [_by_evidence(shop, clients) for _ in range(count)]
        by_command = [_by_command(shop, clients) for _ in range(count)]
    _told("undos", clients)
    lost = sum(one.failed.total() for one in clients)
    found = [
        ("a step's harm, from the scrape that proves it", [one.evidence for one in by_evidence]),
        ("the same, from the decision in the ledger", [one.decision for one in by_evidence]),
        ("pincex rollback after a promotion, from the command", by_command),
    ]
    made = [_row(f"pincex: {name}", seconds, lost) for name, seconds in found]
    for name in (CAREFUL, NAIVE):
        kube_naive.begin(shop, name)
        with asking({f"/{name}": RATE}) as clients:
            seconds = [_by_kubectl(shop, name, clients) for _ in range(count)]
        lost = sum(one.failed.total() for one in clients)
        made.append(_row(f"kubectl rollout undo ({name}), from the command", seconds, lost))
    return made


def _by_evidence(shop: Storefront, clients: list[Clients]) -> Undone:
    shop.must(3, "deploy", BAD, "--retry")
    time.sleep(SETTLED)
    found = undone(shop, clients, BAD)
    print(f"undone by evidence: {found}", file=sys.stderr, flush=True)
    return found


def _by_command(shop: Storefront, clients: list[Clients]) -> float:
    shop.must(0, "deploy", NEXT)
    began = time.time()
    shop.must(0, "rollback")
    time.sleep(SETTLED)
    return _after(began, clients, "pincex rollback")


def _by_kubectl(shop: Storefront, name: str, clients: list[Clients]) -> float:
    kube_naive.set_image(shop, name, NEXT)
    began = kube_naive.undo(shop, name)
    time.sleep(SETTLED)
    return _after(began, clients, f"kubectl rollout undo, {name}")


def _after(began: float, clients: list[Clients], said: str) -> float:
    seconds = moved_at(clients, NEXT) - began
    print(f"{said}: {seconds:.2f} s", file=sys.stderr, flush=True)
    return seconds


def _row(said: str, seconds: list[float], lost: int) -> dict[str, Any]:
    median, high = np.quantile(seconds, [0.5, 1.0])
    return {
        "undo": said,
        "times": len(seconds),
        "to the last request that the undone version got: median / longest": (
            f"{median:.2f} / {high:.2f} s"
        ),
        "lost meanwhile": lost,
        "waiting for a core, at the end": f"{os.getloadavg()[0]:.0f}",
    }
