"""Settlement: settles each order once. One instance acts, the next one waits for its place.

`python -m demo.exchange.settlement --port P --version V --home DIR`; GET /settlements. The place
is a lock of the system's, which is free as soon as its holder has ended, however it ended.
"""

import fcntl
import logging
import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from demo.exchange.book import Orders, Settlements
from demo.exchange.serving import Versioned, arguments, as_json, serve
from models.http import Answer

EVERY = 0.05
AT_ONCE = 500

log = logging.getLogger("exchange")


class Clerk:
    """Waits for its place, then settles what was ordered."""

    def __init__(self, home: Path, version: str) -> None:
        self._home, self._version = home, version
        self._settlements = Settlements(home)
        self.acts = False

    def begin(self) -> None:
        """Wait and settle in a thread of its own."""
        threading.Thread(target=self._work, daemon=True).start()

    def tell(self, _: str, __: bytes) -> Answer:
        """How far it has come, and whether this one settles or waits for its place."""
        settled = self._settlements.last()
        return as_json({"settled": settled, "acts": self.acts, "version": self._version})

    def _work(self) -> None:
        place = os.open(self._home / "exchange" / "settlement.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(place, fcntl.LOCK_EX)
        self.acts = True
        log.info("settles now")
        # Connections belong to the thread that opened them.
        orders, settlements = Orders(self._home), Settlements(self._home)
        while True:
            open_orders = orders.after(settlements.last(), AT_ONCE)
            if open_orders:
                settlements.settle(open_orders, self._version)
            else:
                time.sleep(EVERY)


def main(given: Sequence[str]) -> int:
    """Serve until SIGTERM."""
    options = arguments("settlement", given)
    clerk = Clerk(options.home, options.version)
    clerk.begin()
    pages = {("GET", "settlements"): clerk.tell}
    serve(Versioned("settlement", options, pages, lambda: True), options.port)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
