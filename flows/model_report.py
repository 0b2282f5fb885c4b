"""`model-report`: how a model did over a day or a week, from the ledger and the records."""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.in_cluster import chosen
from flows.judging import write_page
from flows.platform import models
from flows.policies import policy_text
from flows.refusal import Exit, bad_input
from flows.site import Site
from rollout import model_report as told
from rollout.history import CLOSED, History
from rollout.policy import Policy, parse
from rollout.state import Rollout, Verb

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from models.period import Period

Answer = tuple[int, dict[str, Any], str]
DAY = 86_400.0


def model_report(options: argparse.Namespace) -> Answer:
    """The verb: read, count, and say what is missing."""
    from rollout.model_report_text import page, text_of

    here = chosen(options)
    here.require()
    known = models(here)
    if options.name not in known:
        names = ", ".join(known) or "none yet"
        raise bad_input(
            f"the ledger knows no model {options.name}. Known: {names}", "pincex status"
        )
    report = report_on(here, options.name, options.days)
    text = text_of(report)
    if options.report:
        write_page(Path(options.report), page(report))
        text += f"\nreport {options.report}"
    return Exit.DONE, report, text


def report_on(here: Site, name: str, days: int) -> dict[str, Any]:
    """One model over the last `days`, as the object that ``--json`` prints."""
    from analysis.period import METHOD
    from flows.alerting import alerts_of
    from models.period import read_period

    history = here.history(name)
    policy = _policy(here, history)
    end = time.time()
    start = end - days * DAY
    records = here.home.records / name
    period = read_period(records, start - days * DAY, end)
    measured = min(max(start, period.reach or 0.0), end)
    champion = history.champion
    report: dict[str, Any] = {
        "site": here.name,
        "region": here.region,
        "model": name,
        "made_at": _iso(end),
        "window": {
            "days": days,
            "start": _iso(start),
            "end": _iso(end),
            "measured_from": _iso(measured),
        },
        "champion": {"version": champion.revision.version, "since": champion.since.isoformat()}
        if champion
        else None,
        "method": METHOD,
        "damaged": period.damaged,
        **_measured(period, policy, measured, end),
        "alerts": alerts_of(here, name, period.rows, policy, (measured, end)),
        "disagreement": list(_disagreement(here, history, policy, start, end)),
        "drift": _drift(records, history, period, (start, measured, end)),
        **_ledger(here, history, _moment(start), _moment(end)),
    }
    return {**report, "missing": told.missing(report)}


def _policy(here: Site, history: History) -> Policy:
    """Today's limits of the site; which answers are right says what the champion was judged by."""
    now, champion = parse(policy_text(here, None)), history.champion
    of = [r for r in history.rollouts if champion and r.candidate == champion.revision]
    return replace(now, judging=parse(of[-1].policy_text).judging) if of else now


def _measured(period: "Period", policy: Policy, start: float, end: float) -> dict[str, Any]:
    """Requests, errors, latency, accuracy and labels of the window."""
    import polars as pl

    from analysis.period import against_floor, latencies, share
    from analysis.sides import is_right
    from models.join import failed

    judging, rules = policy.judging, policy.live_rules
    rows = period.rows.filter(pl.col("at") >= start)
    ms = rows["ms"].to_numpy()
    bad = failed(rows, judging.timeout).to_numpy()
    labelled = rows.drop_nulls(("prediction", "label"))
    right = is_right(
        labelled["prediction"].to_numpy(),
        labelled["label"].to_numpy(),
        judging.accuracy,
        numbers=period.numbers,
    )
    accuracy, floor = share(int(right.sum()), labelled.height), rules.accuracy.below_percent / 100
    due = rows.filter(pl.col("at") < end - judging.label_window).drop_nulls("prediction")
    late = due.filter(pl.col("label").is_null())
    errors = share(int(bad.sum()), rows.height)
    counts = rows.group_by("version").len().sort("version")
    return {
        "requests": rows.height,
        "versions": dict(counts.iter_rows()),
        "errors": errors and {**errors, "limit": rules.errors.above_percent / 100},
        "late_errors": _late_errors(rows["at"].to_numpy(), bad, policy),
        "latency_ms": latencies(ms),
        "accuracy": accuracy,
        "floor": floor,
        "accuracy_outcome": against_floor(accuracy, floor),
        "labels": {
            "due": due.height,
            "missing": late.height,
            "missing_since": _iso(late["at"][0]) if late.height else None,
        },
    }


def _late_errors(at: "np.ndarray", failed: "np.ndarray", policy: Policy) -> dict[str, Any]:
    """Where a detector that may watch without an end would have told of errors."""
    import numpy as np

    from analysis.endless import alarms
    from analysis.triggers import Counts

    limit, every = policy.live_rules.errors.above_percent / 100, policy.alerts.late_errors_every
    told: dict[str, Any] = {"limit": limit, "false_alarm_every": every, "alarms": []}
    if not len(at):
        return told
    origin = int(at.min())
    second = at.astype(np.int64) - origin
    counts = Counts(np.bincount(second), np.bincount(second[failed], minlength=second.max() + 1))
    told["alarms"] = [
        {"at": _iso(origin + one.second), "requests": one.requests, "bad": one.bad}
        for one in alarms(counts, limit, every)
    ]
    return told


def _disagreement(
    here: Site, history: History, policy: Policy, start: float, end: float
) -> Iterator[dict[str, Any]]:
    """How often a challenger answered otherwise than the champion, by the rule of accuracy."""
    from analysis.period import share
    from models.period import pairs_between

    for rollout in history.rollouts:
        file = here.home.records / rollout.component / rollout.id / "pairs.parquet"
        champion = None if rollout.verb is Verb.CONTROL else rollout.stable
        if champion is None or not file.is_file() or file.stat().st_mtime < start:
            continue
        pairs = pairs_between(file, start, end)
        same = _same(pairs, policy)
        yield {
            "rollout": rollout.id,
            "champion": champion.version,
            "challenger": rollout.candidate.version,
            "share": share(pairs.height - same, pairs.height),
        }


def _same(pairs: "pl.DataFrame", policy: Policy) -> int:
    from analysis.sides import is_right

    champion, challenger = pairs["baseline_prediction"], pairs["candidate_prediction"]
    numbers = champion.dtype.is_numeric()
    rule = policy.judging.accuracy
    right = is_right(challenger.to_numpy(), champion.to_numpy(), rule, numbers=numbers)
    return int(right.sum())


def _drift(
    records: Path, history: History, period: "Period", window: tuple[float, float, float]
) -> dict[str, Any]:
    """The champion's own answers and inputs, against the window before, or half against half."""
    import polars as pl

    from analysis.period import LEAST, moved
    from models.inputs import past_inputs

    start, measured, end = window
    if history.champion is None:
        return {"compared": "", "predictions": None, "inputs": []}
    version = history.champion.revision.version
    own = period.rows.filter(pl.col("version") == version).drop_nulls("prediction")
    begin = start - (end - start)
    before = own.filter(pl.col("at") < start)
    whole_before = (period.reach or 0.0) <= begin and before.height >= LEAST
    if whole_before:
        compared, middle = "against the window before", start
    else:
        first = max(measured, float(own["at"][0])) if own.height else measured
        begin, middle, compared = first, (first + end) / 2, "second half against first"
    sides = [
        own.filter(pl.col("at").is_between(*ends, closed="left"))["prediction"].to_list()
        for ends in ((begin, middle), (middle, end))
    ]
    inputs: dict[str, tuple[list[Any], list[Any]]] = {}
    for at, values in past_inputs(records, version, begin, end):
        for name, value in values.items():
            inputs.setdefault(name, ([], []))[at >= middle].append(value)
    return {
        "compared": compared,
        "predictions": moved("predictions", *sides),
        "inputs": [moved(name, *both) for name, both in sorted(inputs.items())],
    }


def _ledger(here: Site, history: History, start: datetime, end: datetime) -> dict[str, Any]:
    """Rollouts and false alarms."""
    rows = here.ledger.rows(region=here.region)
    closed_at = {str(row.data["rollout"]): row.at for row in rows if row.kind == CLOSED}
    watches = [
        _alarms(here, rollout, closed_at.get(rollout.id, end))
        for rollout in told.watched_between(history, start, end)
    ]
    return {
        "rollouts": told.rollouts_between(history, closed_at, start, end),
        "false_alarms": told.alarms_spent(told.judged_between(history, start, end), watches),
    }


def _alarms(here: Site, rollout: Rollout, closed_at: datetime) -> dict[str, Any]:
    """False alarms to expect of one watch, from the requests it saw; health checks left out."""
    from flows.watch import watcher

    watch = rollout.watch
    assert watch is not None
    until = min(watch.until, closed_at, datetime.now(UTC))
    seconds = max(0, int((until - watch.since).total_seconds()))
    eye = watcher(here, rollout, parse(rollout.policy_text))
    live = eye.rows.read(datetime.now(UTC))
    seen = replace(
        live,
        requests=live.requests[:seconds],
        errors=live.errors[:seconds],
        slow=live.slow[:seconds],
    )
    hourly = [reading.alarms_per_hour for reading in eye.read(seen)]
    known = [alarms for alarms in hourly if alarms is not None]
    expected = sum(known) * seconds / 3600 if known and seen.requests.any() else None
    return {"rollout": rollout.id, "seconds": seconds, "expected": expected}


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _iso(seconds: float) -> str:
    return _moment(seconds).isoformat(timespec="seconds")
