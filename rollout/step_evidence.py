"""What the requests of a step say of a candidate: whether it may have more of them.

Requests are split, not copied, so nothing is paired: events are counted on each side. Four
claims, each with its share of the level, at each step anew: the candidate's errors are within the
limit, it does not fail more often than the version beside it, nor refuse, and its answers are not
slower than the past p95 allows, unless those beside it are as well. Those who did not wait for an
answer, and those who wait still, are the slow ones whom nobody answered: without them a candidate
that hangs would be judged by its survivors.
"""

from bisect import bisect_left
from math import log

from analysis import rates
from analysis.triggers import P95_TAIL
from rollout.policy import Policy
from rollout.release import Side, StepCounts, StepLook
from rollout.state import Decision
from rollout.words import count, milliseconds, percent

CLAIMS = 4
LEAST_OF_SHARE = 0.5
"""Of what its share should bring it, so much at least must have been answered."""


def judge_step(
    counts: StepCounts, share: float, steps: int, past_p95_ms: float | None, policy: Policy
) -> StepLook:
    """Judge a step at `share` percent, one of `steps`; without a past p95 no step is passed."""
    # Over a whole rollout of one component; each step and each claim has its part of the level.
    wanted, own = log(CLAIMS * steps / policy.judging.alpha_rollback), counts.own
    harm = _harm(counts, share, wanted, past_p95_ms, policy)
    if harm is not None:
        return StepLook(Decision.ROLLBACK, harm, counts)
    missing = _missing(counts, share, wanted, past_p95_ms, policy)
    if missing is not None:
        return StepLook(Decision.CONTINUE, missing, counts)
    part = policy.steps.errors_limit_percent / 100
    limit = part * policy.live_rules.errors.above_percent / 100
    safe = log(steps / policy.judging.alpha_promote)
    told = f"errors {_of(own.errors, own.requests)}"
    if rates.safety_bets(limit).log_e(_errors(own)) < safe:
        return StepLook(Decision.CONTINUE, f"{told}, not proven below {percent(limit)}", counts)
    # What may have been slow is bad for safety, and no harm.
    if rates.safety_bets(P95_TAIL).log_e(_in_time(own, own.slow + own.unsure)) < safe:
        assert past_p95_ms is not None
        reason = f"{_slower(own, past_p95_ms, policy)}: not proven to be fewer than one in 20"
        return StepLook(Decision.CONTINUE, reason, counts)
    return StepLook(Decision.PROMOTE, f"{told}, response time proven within its limit", counts)


def least_requests(share: float, steps: int, policy: Policy) -> int:
    """How many requests to a candidate whose answers are all right and in time pass a step.

    Found by asking `judge_step` itself, beside a version that gets the rest and is as well.
    """

    def passes(requests: int) -> bool:
        others = round(requests * (100 - share) / share)
        counts = StepCounts(Side(requests), Side(others))
        return judge_step(counts, share, steps, 0.0, policy).decision is Decision.PROMOTE

    enough = 1
    while not passes(enough):
        enough *= 2
    return bisect_left(range(enough + 1), True, lo=enough // 2, key=passes)


def _harm(
    counts: StepCounts, share: float, wanted: float, past_p95_ms: float | None, policy: Policy
) -> str | None:
    """The harm for which there is log evidence of at least `wanted`, in words; None for none."""
    own, beside = counts.own, counts.beside
    limit = policy.live_rules.errors.above_percent / 100
    if rates.harm_bets(limit).log_e(_errors(own)) >= wanted:
        return f"errors {_of(own.errors, own.requests)}, over {percent(limit)}"
    # Apart, because who asks for what is not there does so of both, and would hide errors.
    for what, bad, other in (
        ("errors", own.errors, beside.errors),
        ("answers from 400 to 499", own.refused, beside.refused),
    ):
        if share < 100 and _more_often(share, bad, other) >= wanted:
            return f"{what} {_of(bad, own.requests)}, beside it {_of(other, beside.requests)}"
    slow = rates.harm_bets(P95_TAIL).log_e(_in_time(own, own.slow))
    if past_p95_ms is None or slow < wanted:
        return None
    # A machine that is slow for both is no harm of the candidate's.
    if share < 100 and _more_often(share, own.slow, beside.slow) < wanted:
        return None
    return _slower(own, past_p95_ms, policy)


def _errors(side: Side) -> tuple[int, int]:
    """Errors and other answers."""
    return side.errors, side.requests - side.errors


def _in_time(side: Side, late: int) -> tuple[int, int]:
    """What came late and all else, with an answer or without."""
    return late, side.requests + side.without - late


def _more_often(share: float, own: int, beside: int) -> float:
    """Log evidence that events come more often on the candidate than its share explains.

    Where both are equal, each event is the candidate's with the chance of its share, however rates
    move: the two-count test of Lindon and Malek (2022), one-sided.
    """
    return rates.harm_bets(share / 100).log_e((own, beside))


def _missing(
    counts: StepCounts, share: float, wanted: float, past_p95_ms: float | None, policy: Policy
) -> str | None:
    """What there is not enough of; absence of evidence lets nothing pass."""
    answered, beside = counts.own.requests, counts.beside.requests
    if past_p95_ms is None:
        return "the past p95 of the version before is not known"
    if counts.silent:
        return f"{count(counts.silent)} of its counters are read no more"
    if answered < policy.steps.min_requests:
        return f"{count(answered)} of {count(policy.steps.min_requests)} requests"
    # Where requests are counted once they are answered, those that hang are only missing.
    few = rates.harm_bets(1 - LEAST_OF_SHARE * share / 100)
    if share < 100 and few.log_e((beside, answered)) >= wanted:
        all_of = count(answered + beside)
        return f"it answered {count(answered)} of {all_of} requests, and {share:.3g} % are its own"
    return None


def _slower(own: Side, past_p95_ms: float, policy: Policy) -> str:
    limit = policy.live_rules.response_time.limit_ms(past_p95_ms)
    slow = _of(own.slow, own.requests + own.without)
    past = milliseconds(past_p95_ms / 1000)
    return f"slower than {milliseconds(limit / 1000)} (past p95 {past}): {slow}"


def _of(bad: int, requests: int) -> str:
    return f"{percent(bad / requests)} of {count(requests)}" if requests else "of nothing yet"
