"""Errors to plant into the gates about answers."""

from benchmarks.judges.mistake import Planted

ANSWER_MISTAKES = (
    Planted(
        "accuracy-absolute",
        "margin against the wrong share",
        "accuracy_gates.py",
        "(1 - tolerance, 1 - margin),",
        "(1 - tolerance, margin),",
    ),
    Planted(
        "accuracy-absolute",
        "floor taken for the share of wrong answers allowed",
        "accuracy_gates.py",
        "(1 - tolerance, 1 - margin),",
        "(tolerance, 1 - margin),",
    ),
    Planted(
        "accuracy-paired",
        "margin taken for no margin",
        "course.py",
        "safety = follow(paired.safety_bets(claims[1]), sides.safety()",
        "safety = follow(paired.safety_bets(3 * claims[1]), sides.safety()",
    ),
    Planted(
        "accuracy-paired",
        "the candidate is judged by the baseline's answer",
        "sides.py",
        "candidate = in_time & sent & ~_right(pairs.candidate_prediction, pairs, rule)",
        "candidate = in_time & sent & ~_right(pairs.baseline_prediction, pairs, rule)",
    ),
    Planted(
        "accuracy-superior",
        "better is no worse",
        "answer_gates.py",
        "least = -(gate.margin or 0.0)",
        "least = gate.margin or 0.0",
    ),
    Planted(
        "loss-paired",
        "the candidate is compared with itself",
        "losses.py",
        "lost = self.own - self.other",
        "lost = self.own - self.own",
    ),
    Planted(
        "loss-paired",
        "no cost of a pair against the margin",
        "payoffs.py",
        "np.log1p(stakes * (VALUES[:, None] - delta))",
        "np.log1p(stakes * VALUES[:, None] + 0.0 * delta)",
    ),
    Planted(
        "disagreement",
        "margin doubled",
        "answer_gates.py",
        "follow(rates.safety_bets(margin), different.own_safety()",
        "follow(rates.safety_bets(2 * margin), different.own_safety()",
    ),
    Planted(
        "prediction-shift",
        "only more is a shift",
        "shift.py",
        "np.logaddexp(bets.path(counts), bets.path(swapped)) - log(2)",
        "bets.path(counts) + 0.0 * bets.path(swapped) - log(1)",
    ),
)
