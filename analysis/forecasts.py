"""How many more pairs each undecided gate needs, if the counts go on as they began."""

from dataclasses import dataclass

from analysis.bets import Trace
from analysis.findings import Outcome
from analysis.rates import last_true
from analysis.verdict import Verdict

FARTHEST = 1000.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a gate is on its way to, and what it still needs.

    None where it is not getting there, and where it has the evidence and waits for something
    else: nobody knows until when.
    """

    gate: str
    toward: str | None
    pairs: int | None
    seconds: float | None


def forecast(verdict: Verdict, seconds_so_far: float) -> tuple[Forecast, ...]:
    """A forecast for each undecided gate; labelled pairs count for the accuracy gates."""
    return tuple(
        _forecast(finding.name, finding.harm, finding.safety, finding.estimate.n, seconds_so_far)
        for finding in verdict.pooled
        if finding.outcome is Outcome.INCONCLUSIVE and (finding.harm or finding.safety)
    )


def _forecast(
    gate: str, harm: Trace | None, safety: Trace | None, n: int, seconds_so_far: float
) -> Forecast:
    growth = {"harm": _growth(harm), "safety": _growth(safety)}
    reachable = {toward: times for toward, times in growth.items() if times is not None}
    if not reachable or n == 0:
        return Forecast(gate, None, None, None)
    toward = min(reachable, key=lambda side: reachable[side])
    more = reachable[toward] - 1
    return Forecast(gate, toward, round(n * more), seconds_so_far * more)


def _growth(trace: Trace | None) -> float | None:
    """By how much the counts must grow, in proportion, until they decide."""
    if trace is None or not sum(trace.counts):
        return None

    def undecided(times: float) -> bool:
        return trace.bets.log_e([n * times for n in trace.counts]) < trace.threshold

    if undecided(FARTHEST) or not undecided(1.0):
        return None
    return last_true(undecided, 1.0, FARTHEST)
