"""Market data: what a share costs now. Reading it twice changes nothing.

`python -m demo.exchange.prices --port P --version V --home DIR`; GET /prices, GET /prices/SYMBOL
"""

import random
import sys
import time
from collections.abc import Sequence

from demo.exchange.serving import Versioned, arguments, as_json, serve
from models.http import Answer, problem

SYMBOLS = {"ACME": 100.0, "BOLT": 25.0, "CORE": 310.0}
TICK = 1.0
"""Seconds between two prices: the same in every process, as it depends on the clock alone."""

SWING = 0.02


def price(symbol: str, now: float) -> float:
    """The price at a moment (epoch seconds): around its mean, anew at each tick."""
    noise = random.Random(f"{symbol} {int(now / TICK)}").uniform(-SWING, SWING)
    return round(SYMBOLS[symbol] * (1 + noise), 2)


def main(given: Sequence[str]) -> int:
    """Serve until SIGTERM."""
    options = arguments("prices", given)

    def ask(symbol: str, _: bytes) -> Answer:
        now = time.time()
        if not symbol:
            return as_json({name: price(name, now) for name in SYMBOLS})
        if symbol not in SYMBOLS:
            return problem(404, f"no symbol {symbol[:20]}; there are {', '.join(SYMBOLS)}")
        told = {"symbol": symbol, "price": price(symbol, now), "version": options.version}
        return as_json(told)

    serve(Versioned("market-data", options, {("GET", "prices"): ask}, lambda: True), options.port)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
