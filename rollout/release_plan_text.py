"""What a `deploy` of services would do, step by step, for `--plan`."""

from collections.abc import Callable, Sequence

from rollout.application import Application, Component
from rollout.policy import Policy
from rollout.words import count, duration

Needed = Callable[[int, int], int]
"""How many requests without an error pass a step at a share, one of so many."""


def plan(
    described: Application,
    version: str,
    policy: Policy,
    rate: float | None,
    how: str,
    needed: Needed,
    *,
    by_instances: bool,
) -> list[str]:
    """What `deploy` would do, step by step; durations where the rate (requests/s) is given.

    `how` says who divides the requests; `needed` how many pass a step.
    """
    shown = [f"deploy {version} of {described.name} would do this, in this order:"]
    for part in described.components:
        shares = part.shares(policy.steps.shares, by_instances=by_instances)
        shown += _planned(part, shares, policy, rate, needed)
    shown.append(f"requests are divided by {how}")
    if rate is None:
        shown.append("with --rate REQUESTS_PER_SECOND it says how long each step takes")
    return [*shown, "nothing was changed"]


def _planned(
    part: Component, shares: Sequence[int], policy: Policy, rate: float | None, needed: Needed
) -> list[str]:
    after = f" after {', '.join(part.dependencies)}" if part.dependencies else ""
    head = f"{part.name}{after}"
    if part.model is not None:
        return [head, f"  a model: unchanged; pincex deploy-model {part.model} VERSION"]
    started = "1 server" if part.instances == 1 else f"{part.instances} servers"
    before, last = (
        [one for one in part.release_steps if one.reversible == kind] for kind in (True, False)
    )
    told = [head]
    least = f"{duration(policy.steps.seconds)} and {count(policy.steps.min_requests)} requests"
    told.append(f"  note what the version before takes: at least {least}")
    told += [f"  run {one.name} (at most {duration(one.within)})" for one in before]
    told.append(f"  start {started}, wait until ready (at most {duration(policy.ready_within)})")
    if part.single:
        told.append("  hand over: all requests, then the one before ends (never two at a time)")
    told += [_planned_step(share, needed(share, len(shares)), policy, rate) for share in shares]
    repeated = "may be repeated" if part.idempotent else "never sent twice"
    told.append(f"  requests: {repeated}, {'mirrorable' if part.mirrorable else 'never copied'}")
    return told + [
        f"  last of all, run {one.name} (at most {duration(one.within)}): no way back from there"
        for one in last
    ]


def _planned_step(share: int, requests: int, policy: Policy, rate: float | None) -> str:
    """How long a step lasts where every answer is right; what comes too late is never proven."""
    steps = policy.steps
    by_rate = 0.0 if rate is None else requests / (rate * share / 100)
    lasts = max(steps.seconds, by_rate)
    told = f"  {share:>3} % of requests: at least {duration(lasts)} and {count(requests)} requests"
    if lasts > steps.deadline:
        return f"{told}; undone after {duration(steps.deadline)}"
    return f"{told}, then judged"
