"""`python -m benchmarks [--full]`: every figure in one table, measured beside its baseline."""

import argparse
import os
import platform
import signal
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from benchmarks import (
    calibrated,
    commands,
    drifting,
    fuzz,
    judges,
    judging,
    kills,
    kubernetes,
    load,
    market_order,
    orders,
    planning,
    quantiles,
    races,
    run_lengths,
    scale,
    speed,
    split,
    stalls,
    undo,
    undo_services,
)

SHORT = {
    "judging": judging,
    "quantiles": quantiles,
    "judges": judges,
    "split": split,
    "speed": speed,
    "scale": scale,
    "commands": commands,
    "undo": undo,
}
FULL = {
    **SHORT,
    # Not among the short ones: the demo counts the same requests, in as many minutes.
    "load": load,
    "planning": planning,
    "calibrated": calibrated,
    "drifting": drifting,
    "market": market_order,
    "run-lengths": run_lengths,
    "stalls": stalls,
    "orders": orders,
    "undo-services": undo_services,
    "kills": kills,
    "kubernetes": kubernetes,
    "races": races,
    "fuzz": fuzz,
}


def main() -> int:
    """Measure what was asked for and print it as it comes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"any of {', '.join(FULL)}; default all")
    parser.add_argument("--full", action="store_true", help="the long run, by hand")
    options = parser.parse_args()
    # Told to end, it ends its sites first, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    known = FULL if options.full else SHORT
    unknown = set(options.names) - set(FULL)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; known: {', '.join(FULL)}")
    kind = "full" if options.full else "short"
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine}, {kind}")
    for name in options.names or known:
        started = time.monotonic()
        _print_table(FULL[name].rows(options.full))
        print(f"({name}: {time.monotonic() - started:.0f} s)\n", flush=True)
    return 0


def _print_table(rows: Iterable[dict[str, Any]]) -> None:
    """Rows with the same keys share a table."""
    header: list[str] = []
    for row in rows:
        if list(row) != header:
            header = list(row)
            print("\n| " + " | ".join(header) + " |\n|" + "---|" * len(header))
        print("| " + " | ".join(_cell(row[key]) for key in header) + " |", flush=True)


def _cell(value: object) -> str:
    """Three significant digits; counts in full."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
