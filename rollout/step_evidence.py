"""What the requests of a step say of a candidate: whether it may have more of them.

Requests are split, not copied, so nothing is paired: events are counted on each side. Three
claims, each with its share of the level, at each step anew: the candidate's errors are within the
limit, it does not fail more often than the version beside it, and its answers are not slower than
the past p95 allows, unless those beside it are as well.
"""

from math import inf, log

from analysis import rates
from analysis.triggers import P95_TAIL
from rollout.policy import Policy
from rollout.release import StepCounts, StepLook
from rollout.state import Decision
from rollout.words import count, percent

CLAIMS = 3


def slow_above_ms(past_p95_ms: float | None, policy: Policy) -> float:
    """Above how many ms an answer is slow; without a past p95 none is, and no step is passed.

    A p95 of 0 ms is a past: the proxy counts whole milliseconds.
    """
    if past_p95_ms is None:
        return inf
    return policy.live_rules.response_time.limit_ms(past_p95_ms)


def judge_step(
    counts: StepCounts, share: float, steps: int, past_p95_ms: float | None, policy: Policy
) -> StepLook:
    """Judge a step at `share` percent, one of `steps`; without a past p95 no step is passed."""
    # Over a whole rollout of one component; each step and each claim has its part of the level.
    level = policy.judging.alpha_rollback / (CLAIMS * steps)
    harm = _harm(counts, share, log(1 / level), past_p95_ms, policy)
    if harm is not None:
        return StepLook(Decision.ROLLBACK, harm, counts)
    missing = _missing(counts, past_p95_ms, policy)
    if missing is not None:
        return StepLook(Decision.CONTINUE, missing, counts)
    part = policy.steps.errors_limit_percent / 100
    wanted = part * policy.live_rules.errors.above_percent / 100
    safe = log(steps / policy.judging.alpha_promote)
    told = f"errors {_of(counts.errors, counts.requests)}"
    if rates.safety_bets(wanted).log_e(_rest(counts.errors, counts)) < safe:
        return StepLook(Decision.CONTINUE, f"{told}, not proven below {percent(wanted)}", counts)
    # What may have been slow is bad for safety, and no harm.
    if rates.safety_bets(P95_TAIL).log_e(_rest(counts.slow + counts.unsure, counts)) < safe:
        assert past_p95_ms is not None
        reason = f"{_slower(counts, past_p95_ms, policy)}: not proven to be fewer than one in 20"
        return StepLook(Decision.CONTINUE, reason, counts)
    return StepLook(Decision.PROMOTE, f"{told}, response time proven within its limit", counts)


def _harm(
    counts: StepCounts, share: float, wanted: float, past_p95_ms: float | None, policy: Policy
) -> str | None:
    """The harm for which there is log evidence of at least `wanted`, in words; None for none."""
    limit = policy.live_rules.errors.above_percent / 100
    told = f"errors {_of(counts.errors, counts.requests)}"
    if rates.harm_bets(limit).log_e(_rest(counts.errors, counts)) >= wanted:
        return f"{told}, over {percent(limit)}"
    if share < 100 and _more_often(share, counts.errors, counts.errors_beside) >= wanted:
        return f"{told}, beside it {_of(counts.errors_beside, counts.beside)}"
    if past_p95_ms is None or rates.harm_bets(P95_TAIL).log_e(_rest(counts.slow, counts)) < wanted:
        return None
    # A machine that is slow for both is no harm of the candidate's.
    if share < 100 and _more_often(share, counts.slow, counts.slow_beside) < wanted:
        return None
    return _slower(counts, past_p95_ms, policy)


def _rest(bad: int, counts: StepCounts) -> tuple[int, int]:
    """The candidate's bad requests and its others."""
    return bad, counts.requests - bad


def _more_often(share: float, own: int, beside: int) -> float:
    """Log evidence that events come more often on the candidate than its share explains.

    Where both are equal, each event is the candidate's with the chance of its share, however rates
    move: the two-count test of Lindon and Malek (2022), one-sided.
    """
    return rates.harm_bets(share / 100).log_e((own, beside))


def _missing(counts: StepCounts, past_p95_ms: float | None, policy: Policy) -> str | None:
    """What there is not enough of; absence of evidence lets nothing pass."""
    if past_p95_ms is None:
        return "the past p95 of the version before is not known"
    if counts.requests < policy.steps.min_requests:
        return f"{count(counts.requests)} of {count(policy.steps.min_requests)} requests"
    return None


def _slower(counts: StepCounts, past_p95_ms: float, policy: Policy) -> str:
    limit = policy.live_rules.response_time.limit_ms(past_p95_ms)
    slow = _of(counts.slow, counts.requests)
    return f"slower than {limit:.3g} ms (past p95 {past_p95_ms:.3g} ms): {slow}"


def _of(bad: int, requests: int) -> str:
    return f"{percent(bad / requests)} of {count(requests)}" if requests else "of nothing yet"
