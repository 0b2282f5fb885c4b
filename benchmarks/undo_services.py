"""How long an undo of services takes: from when the evidence sufficed until traffic had moved.

A release of the sample exchange under load; once it is watched, or from its first step on, one
component fails. The moment is recomputed afterwards from what the proxy noted: the first answer
after which the rules of the watch, or of the step, decide. Moved is when the component's route was
confirmed and written down.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.own_home import own_home
from cluster.ledger import Row
from demo.commands import pincex
from flows.rehearsal.small_exchange import NAME, QUICK, trading
from flows.rehearsal.small_site import eventually
from flows.site import Site, site
from flows.step_rows import StepRows
from rollout.history import TRAFFIC
from rollout.policy import Policy, parse
from rollout.release import JUDGED, TAKEN
from rollout.state import Decision, Ending, Phase, Rollout
from rollout.step_evidence import judge_step
from rollout.watching import detectors, runbook_rules, watched_of

RATE, QUIET, PATIENCE = 300.0, 2.0, 240.0
FAILING, HALF = "order-entry", {"errors": 0.5}
STABLE = "v1.0.0"
WATCHED = QUICK.replace("[rollout.watch]\nseconds = 0\n", "[rollout.watch]\nseconds = 600\n")
FULL, SHORT = 10, 2


def rows(full: bool) -> list[dict[str, Any]]:
    """One exchange; releases that fail in their watch, and releases that fail from the start."""
    times, found = FULL if full else SHORT, []
    with own_home(WATCHED) as home:
        endpoint = pincex("up").report["endpoint"]
        pincex("deploy", STABLE)
        here = site("local")
        with trading(endpoint, RATE, home.with_name("trader.json"), home):
            for what, undo in (("in its watch", _in_watch), ("from its first step on", _at_once)):
                taken = [
                    undo(here, home, f"v{2 + number}.{len(found)}.0") for number in range(times)
                ]
                found.append(_row(what, taken))
    return found


def _row(what: str, taken: list[float]) -> dict[str, Any]:
    median, longest = np.median(taken), max(taken)
    return {
        "what": f"{len(taken)} releases of which half of the orders fail {what}: from the answer "
        "that suffices to the route back, confirmed",
        "measured": f"median {median:.2f} s, longest {longest:.2f} s",
        "reach": "1 s",
    }


def _in_watch(here: Site, home: Path, version: str) -> float:
    pincex("deploy", version)
    opened = here.history(NAME).open
    assert opened is not None
    assert opened.phase is Phase.WATCHING
    time.sleep(QUIET)
    _fail(home, version)
    return _taken(here, home, _by_the_watch)


def _at_once(here: Site, home: Path, version: str) -> float:
    _fail(home, version)
    pincex("deploy", version, "--no-follow")
    eventually(lambda: here.history(NAME).open, PATIENCE, "it is open")
    return _taken(here, home, _by_the_step)


def _fail(home: Path, version: str) -> None:
    path = home / "exchange" / "knobs.json"
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({version: {FAILING: HALF}}))
    draft.replace(path)


Decides = Callable[[StepRows, Rollout, list[Row], datetime], bool]


def _taken(here: Site, home: Path, decides: Decides) -> float:
    """Seconds from when it sufficed until the route of the failing component was written down."""
    eventually(lambda: here.history(NAME).open is None, PATIENCE, "it is undone")
    last = here.history(NAME).rollouts[-1]
    assert last.closed is Ending.ROLLED_BACK, last
    told = [row for row in here.ledger.rows() if row.data.get("rollout") == last.id]
    of_part = [row for row in told if row.data.get("component") == FAILING]
    judged = next(row for row in of_part if _undoes(row))
    moved = next(row for row in of_part if row.kind == TRAFFIC and row.seq > judged.seq)
    assert moved.data["weights"] == {STABLE: 100}, moved
    before = [row for row in of_part if row.seq < judged.seq]
    sufficed = _first(here.home.access_log, last, before, judged.at.timestamp(), decides)
    taken = moved.at.timestamp() - sufficed
    print(f"{last.candidate.version}: {taken:.3f} s; {last.reason}", file=sys.stderr, flush=True)
    return taken


def _undoes(row: Row) -> bool:
    return row.kind == JUDGED and row.data["decision"] == Decision.ROLLBACK


def _first(log: Path, rollout: Rollout, told: list[Row], until: float, decides: Decides) -> float:
    """The first answer (when it ended) at which it decides, of those of some seconds before."""
    noted = [json.loads(line) for line in log.read_text().splitlines()]
    ended = sorted((float(one["at"]) + one["ms"] / 1000, json.dumps(one)) for one in noted)
    known = [(at, line) for at, line in ended if at <= until]
    failures = [n for n, (_, line) in enumerate(known) if json.loads(line)["status"] >= 500]
    low, high = 0, len(failures) - 1
    assert high >= 0, "nothing failed"
    while low < high:
        # Half of the answers fail from one moment on, so that more of them only say more.
        middle = (low + high) // 2
        cut = failures[middle]
        if _decided(known[: cut + 1], rollout, told, decides):
            high = middle
        else:
            low = middle + 1
    return known[failures[low]][0]


def _decided(
    known: list[tuple[float, str]], rollout: Rollout, told: list[Row], decides: Decides
) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "access.jsonl"
        log.write_text("".join(f"{line}\n" for _, line in known))
        rows = StepRows(log, rollout.id, lambda *_: 0)
        rows.read()
        return decides(rows, rollout, told, datetime.fromtimestamp(known[-1][0], UTC))


def _by_the_watch(rows: StepRows, rollout: Rollout, told: list[Row], at: datetime) -> bool:
    """Whether a rule of the watch fires on these answers."""
    policy = parse(rollout.policy_text)
    (taken,) = (row for row in told if row.kind == TAKEN)
    past = _step(told)["past_p95_ms"]
    seen = rows.seen(FAILING, rollout.candidate.version, taken.at, _slow(policy, past))
    found = [*runbook_rules(seen, past, policy), *detectors(seen, past, policy, 3)]
    return watched_of(found).firing is not None


def _by_the_step(rows: StepRows, rollout: Rollout, told: list[Row], at: datetime) -> bool:
    """Whether the step that was under way rolls back on these answers."""
    policy, step = parse(rollout.policy_text), _step(told)
    since, past = datetime.fromisoformat(step["began_at"]), step["past_p95_ms"]
    version, slow = rollout.candidate.version, _slow(policy, past)
    counts = rows.counts(FAILING, version, STABLE, since, slow)
    look = judge_step(counts, step["share"], len(policy.steps.shares), past, policy)
    return look.decision is Decision.ROLLBACK


def _step(told: list[Row]) -> dict[str, Any]:
    return dict([row for row in told if row.kind == TRAFFIC][-1].data)


def _slow(policy: Policy, past: float | None) -> float:
    return policy.live_rules.response_time.limit_ms(past)
