"""Errors to plant into the gates of split traffic."""

from benchmarks.judges.mistake import Planted

SPLIT_MISTAKES = (
    Planted(
        "split-errors",
        "every share taken for a half",
        "paired.py",
        "return Payoff(1 / share, 1 / (1 - share))",
        "return Payoff(2.0, 2.0 + 0.0 * share)",
    ),
    Planted(
        "split-errors",
        "safety not mirrored",
        "paired.py",
        "return Bets(_mirrored(_gains(stakes, -margin, swapped)), LOG_WEIGHTS)",
        "return Bets(_gains(stakes, -margin, swapped), LOG_WEIGHTS)",
    ),
    Planted(
        "split-errors",
        "margin tripled",
        "split_record.py",
        "paired.safety_bets(claims[1], payoff)",
        "paired.safety_bets(3 * claims[1], payoff)",
    ),
    Planted(
        "split-errors-late",
        "differences as if they were of pairs",
        "split_gates.py",
        "paired.harm_bets(late.tolerance or 0.0, record.payoff)",
        "paired.harm_bets(late.tolerance or 0.0)",
    ),
    Planted(
        "split-frozen-p95",
        "judged by the limit of safety",
        "split_gates.py",
        "for own_ms in (harm_ms, safety_ms))",
        "for own_ms in (safety_ms, harm_ms))",
    ),
    Planted(
        "split-gross-p95",
        "the candidate held to the past p95 itself",
        "split_gates.py",
        "sides = record.sample.over(limits(gate, past_ms)[0], past_ms)",
        "sides = record.sample.over(past_ms, past_ms)",
    ),
    Planted(
        "split-thresholds",
        "differences as if they were of pairs",
        "split_gates.py",
        "bets = replace(LATENCY_BETS, payoff=record.payoff)",
        "bets = LATENCY_BETS",
    ),
    Planted(
        "split-share",
        "any share is near enough",
        "split_gates.py",
        "standing = record.trusted & follow(rates.safety_bets(stated + off), own, alpha).above",
        "standing = follow(rates.harm_bets(stated * 0.5), own, alpha).above",
    ),
)
