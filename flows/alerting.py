"""What the runbook's nine alerts say now of one model, from the records of the site.

Errors and latency are those of its requests in the last hour; the use of the machine and the
deaths of its servers are the keeper's samples. The site keeps no sample of a database and of a
trading engine: those alerts say that there is no data, which is not well.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.alerts import Samples
from analysis.late import SECOND_US
from analysis.triggers import HOUR, Counts
from cluster.local.samples import EVERY, Sample, samples
from flows.site import Site
from models.join import failed
from rollout.alerts import Seen, told
from rollout.policy import Policy

if TYPE_CHECKING:
    import polars as pl


def alerts_of(
    here: Site, name: str, rows: "pl.DataFrame", policy: Policy, span: tuple[float, float]
) -> list[dict[str, Any]]:
    """The nine at the end of a span (epoch s) in which the rows of its requests are complete."""
    kept = samples(here.home)
    now_us = round(span[1] * SECOND_US)
    at_us = np.array([round(one.at * SECOND_US) for one in kept], dtype=np.int64)

    def sampled(values: list[float]) -> Samples:
        return Samples(at_us, np.array(values, dtype=np.float64), EVERY, now_us)

    never = Samples(at_us[:0], np.zeros(0), EVERY, now_us)
    slow, ms = policy.alerts.response_time, rows["ms"].to_numpy()
    errors = failed(rows, policy.judging.timeout).to_numpy()
    at, timed = rows["at"].to_numpy(), (span, policy.judging.timeout)
    seen = Seen(
        errors=_by_second(at, errors, *timed),
        over_critical=_by_second(at, ms > slow.critical_ms, *timed),
        over_warning=_by_second(at, ms > slow.warning_ms, *timed),
        cpu=sampled([np.nan if one.cpu is None else one.cpu for one in kept]),
        memory=sampled([one.memory for one in kept]),
        restarts=sampled(_restarts(kept, name)),
        database=never,
        engine=never,
    )
    return told(seen, policy)


def _by_second(
    at: "np.ndarray", bad: "np.ndarray", span: tuple[float, float], timeout: float
) -> Counts:
    """By whole seconds of the last hour at most; what may still be under way is left out."""
    end = int(span[1] - timeout) - 1
    begin = max(int(np.ceil(span[0])), end - int(HOUR))
    length = max(end - begin, 0)
    inside = (at >= begin) & (at < begin + length)
    second = at[inside].astype(np.int64) - begin
    return Counts(
        np.bincount(second, minlength=length), np.bincount(second[bad[inside]], minlength=length)
    )


def _restarts(kept: list[Sample], name: str) -> list[float]:
    """A counter of the deaths of the servers of a model; one that fell counts from nothing."""
    total, before, found = 0, None, []
    for one in kept:
        own = {role: n for role, n in one.deaths.items() if role.startswith(f"{name}@")}
        if before is not None:
            for role, number in own.items():
                last = before.get(role, 0)
                total += number - last if number >= last else number
        before = own
        found.append(float(total))
    return found
