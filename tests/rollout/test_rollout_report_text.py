"""One rollout in words, as a terminal of 80 columns shows it."""

import re
from typing import Any

from rollout.rollout_report_text import text_of

CLOCK = re.compile(r"\d\d:\d\d:\d\d \([+-]\d\d:\d\d\) ")
ROW = {
    "at": "2026-11-30T19:11:11+00:00",
    "actor": "ann",
    "kind": "phase",
    "component": "shop",
    "data": {"rollout": "20261130T190957-637c92", "phase": "WATCHING", "override": None},
}
LOG = "/logs/" + "order-entry-" * 12 + "20261130T190957-637c92.log"
REPORT: dict[str, Any] = {
    "component": "sample-exchange",
    "version": "v1.2.0",
    "before": "v1.0.0",
    "verb": "deploy",
    "ending": "PROMOTED",
    "phase": "WATCHING",
    "seconds": 180.0,
    "opened_at": "2026-11-30T19:09:57+00:00",
    "opened_by": "ann",
    "rollout": "20261130T190957-637c92",
    "reason": "v1.2.0 serves everywhere; watched for 25 s, not judged: "
    + "response time, " * 6
    + LOG,
    "evidence": "/evidence/" + "deep/" * 20,
    "rows": [ROW | {"actor": "a team of on-call engineers with a long name of its own, really"}],
}


def test_every_line_fits_a_terminal_and_what_goes_on_stands_below_what_it_goes_on_with() -> None:
    """But for the place of a file, which is pasted whole."""
    lines = text_of(REPORT).splitlines()

    long = [line.strip() for line in lines if len(line) > 80]
    assert long == [LOG, REPORT["evidence"]]
    starts = [(number, found) for number, line in enumerate(lines) if (found := CLOCK.match(line))]
    ((step, clock),) = starts
    indent = clock.end()
    assert not lines[step][indent].isspace()
    assert lines[step + 1][:indent].isspace()
    assert not lines[step + 1][indent].isspace()
