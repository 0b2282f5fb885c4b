"""What the gates of latency need to know of a batch of pairs, counted in blocks."""

from collections.abc import Callable, Mapping

from analysis import payoffs
from analysis.alike import Alike
from analysis.bets import Floats, Integers, Kinds
from analysis.block_plan import OCTAVES, BlockPlan
from analysis.frozen import OF_GATE, limits
from analysis.latency_arms import ArmsOf
from analysis.pairs import Pairs
from analysis.quantile_bets import passed_of
from analysis.sample import Claim
from analysis.sides import KINDS, Sides, over_limit_sides
from analysis.stretches import Stretches, from_block, told_by
from analysis.thresholds import grid, passed


def latency_counts(
    pairs: Pairs, plan: BlockPlan, blocks: Stretches, served: Alike, counts: Integers
) -> Mapping[str, Integers]:
    """By gate and claim; `counts` are the pairs of each group of those served alike."""
    limit = plan.policy.gates["p95-limit"].limits["limit_ms"]
    over = over_limit_sides(served.examples, limit, limit)
    arrays = {"p95-limit harm": told_by(counts, over.kinds(), KINDS)}
    for gate, name in OF_GATE.items():
        judged = from_block(counts, blocks, plan.begins[name])
        sides = frozen_sides(served.examples, plan, gate)
        for claim, one in zip(("harm", "safety"), sides, strict=True):
            arrays[f"{gate} {claim}"] = told_by(judged, one.kinds(), KINDS)
    return arrays | _whole_latency(pairs, plan, blocks)


def _whole_latency(pairs: Pairs, plan: BlockPlan, blocks: Stretches) -> dict[str, Integers]:
    """For the gates of the whole distribution: thresholds passed, mean ratios, both p95s."""
    gates, arms = plan.policy.gates, ArmsOf(pairs)
    thresholds = grid(plan.past["p95"] or 1.0)
    seen = arms.seen_by(gates["latency-thresholds"], "harm")
    own, other = (passed(values, thresholds) for values in seen)
    judged = blocks.both_of(own, other, len(thresholds) + 1)
    arrays = {"latency-thresholds": from_block(judged, blocks, plan.begins["p95"])}
    steps: dict[Claim, Callable[[Floats], Kinds]]
    steps = {"harm": payoffs.down, "safety": payoffs.up}
    for claim, step in steps.items():
        ratio = arms.ratios(gates["latency-mean"], claim)
        arrays[f"latency-mean {claim}"] = blocks.of(step(ratio), payoffs.KINDS)
        seen = arms.seen_by(gates["p95-ratio"], claim)
        # Safety is harm of the baseline against the candidate.
        y, x = seen if claim == "harm" else seen[::-1]
        told = passed_of(y, x, plan.lowest_bin, plan.lowest_bin + 2 * OCTAVES)
        arrays[f"p95-ratio {claim}"] = blocks.all_of(told.kinds, told.number)
    return arrays


def frozen_sides(pairs: Pairs, plan: BlockPlan, gate: str) -> tuple[Sides, Sides]:
    """Answers over the limits of harm and of safety that a gate takes from the past."""
    frozen_ms = plan.past[OF_GATE[gate]] or 0.0
    harm_ms, safety_ms = limits(plan.policy.gates[gate], frozen_ms)
    return (
        over_limit_sides(pairs, harm_ms, frozen_ms),
        over_limit_sides(pairs, safety_ms, frozen_ms),
    )


def limits_ms(plan: BlockPlan) -> tuple[list[float], list[float]]:
    """Every limit that an answer of the candidate and of the baseline is held to."""
    both = [plan.policy.timeout * 1000, plan.policy.gates["p95-limit"].limits["limit_ms"]]
    own, other = list(both), list(both)
    for gate, name in OF_GATE.items():
        frozen_ms = plan.past[name] or 0.0
        own += limits(plan.policy.gates[gate], frozen_ms)
        other.append(frozen_ms)
    return sorted(set(own)), sorted(set(other))
