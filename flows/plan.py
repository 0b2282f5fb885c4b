"""`plan`: how long a shadow of the next version will take, from what was recorded so far."""

import argparse
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.in_cluster import chosen
from flows.policies import policy_text
from flows.refusal import Exit, bad_input
from flows.site import Site
from rollout.plan_text import text_of
from rollout.policy import Policy, parse, with_baseline_p95
from rollout.state import Decision

if TYPE_CHECKING:
    import polars as pl

    from analysis import Pairs
    from analysis.bets import Flags, Floats
    from analysis.planning import Plan, Seen, Spread
    from analysis.policy import Accuracy

Answer = tuple[int, dict[str, Any], str]
ALPHAS = (0.05, 0.001)
LEAST = 100
LATE = 0.99


@dataclass(frozen=True, slots=True)
class Basis:
    """What a plan rests on: the counts, copies a second, seconds until labels, mean seconds."""

    like: str
    seen: dict[str, "Seen"]
    rate: float | None
    label_delay: float | None
    busy: float | None


def plan(options: argparse.Namespace) -> Answer:
    """Forecast each gate and the verdict; options override what was recorded."""
    here = chosen(options)
    here.require()
    champion = here.history(options.name).champion
    if champion is None:
        raise bad_input(
            f"{options.name} has no champion to compare with",
            f"pincex deploy-model {options.name} VERSION --first",
        )
    from models.past import baseline_p95
    from models.past_traffic import past_traffic

    records = here.home.records / options.name
    past = past_traffic(records, champion.revision.version)
    pinned = baseline_p95(records / "traffic", champion.revision.version)
    policy = parse(with_baseline_p95(policy_text(here, options.policy), pinned))
    disagreement = _fraction("--disagreement", options.disagreement)
    basis = _basis(here, options.name, champion.revision.version, past, policy, disagreement)
    report = _report(options, policy, basis)
    return Exit.DONE, report, text_of(report, here.told)


def _basis(
    here: Site,
    name: str,
    champion: str,
    past: "pl.DataFrame",
    policy: Policy,
    disagreement: float | None,
) -> Basis:
    """The last evidence that was not harm, else the champion's own past."""
    from analysis.planning import disagreeing

    rate = _rate(past)
    found = _like_last(here, name, policy, rate)
    if found is None and past.height < LEAST:
        raise bad_input(
            f"{name} {champion} has answered {past.height} requests; {LEAST} tell enough",
            "send it traffic, then plan again",
        )
    basis = found or _like_champion(champion, past, policy, disagreement, rate)
    if disagreement is not None:
        basis.seen["accuracy-paired"] = disagreeing(disagreement, 10_000)
    return basis


def _like_last(here: Site, name: str, policy: Policy, rate: float | None) -> Basis | None:
    from analysis import judge, read_pairs
    from analysis.planning import seen_in

    for rollout in reversed(here.history(name).rollouts):
        judged = rollout.judged
        if judged is None or judged.decision is Decision.ROLLBACK:
            continue
        file = Path(judged.evidence) / "pairs.parquet"
        if not file.is_file():
            continue
        pairs = read_pairs(file)
        seconds = float(pairs.arrived_us[-1] - pairs.arrived_us[0]) / 1e6
        busy = pairs.candidate_latency_ms
        return Basis(
            f"{rollout.candidate.version} did",
            seen_in(judge(pairs, policy.judging)),
            rate or (len(pairs) / seconds if seconds else None),
            _label_delay(pairs, policy.judging.label_window),
            float(busy[busy == busy].mean()) / 1000 if (busy == busy).any() else None,
        )
    return None


def _like_champion(
    champion: str,
    past: "pl.DataFrame",
    policy: Policy,
    disagreement: float | None,
    rate: float | None,
) -> Basis:
    from analysis.past import Past, seen_in_past
    from models.join import failed

    labelled = past.drop_nulls(("prediction", "label"))
    right = _right(labelled, policy.judging.accuracy)
    latency = past["ms"].to_numpy()
    errors = failed(past, policy.judging.timeout).to_numpy()
    seen = seen_in_past(Past(latency, errors, right), policy.judging, disagreement)
    delays = labelled["delay"].drop_nulls().to_numpy()
    delay = _late(delays, policy.judging.label_window)
    return Basis(
        f"{champion} itself, wrong and slow at other moments",
        dict(seen),
        rate,
        delay,
        float(latency.mean()) / 1000,
    )


def _right(labelled: "pl.DataFrame", rule: "Accuracy") -> "Flags":
    """Which answers were right; what is not a number is compared as text."""
    import polars as pl

    from analysis.sides import is_right

    told = labelled.select(pl.col("prediction", "label").cast(pl.Float64, strict=False))
    if told.null_count().sum_horizontal().item():
        return (labelled["prediction"] == labelled["label"]).to_numpy()
    return is_right(told["prediction"].to_numpy(), told["label"].to_numpy(), rule, numbers=True)


def _label_delay(pairs: "Pairs", window: float) -> float | None:
    """The same for kept pairs; labels of the last ones were still to come."""
    late = _late((pairs.labelled_us - pairs.arrived_us)[pairs.labelled] / 1e6, window)
    if late is None:
        return None
    old = pairs.arrived_us < pairs.watermark_us - round(2 * late * 1e6)
    return window if (old & ~pairs.labelled).any() else late


def _late(delays: "Floats", window: float) -> float | None:
    """When nearly all labels are there; a pair without one waits for the whole window."""
    if not len(delays):
        return None
    return min(float(sorted(delays)[min(int(LATE * len(delays)), len(delays) - 1)]), window)


def _rate(past: "pl.DataFrame") -> float | None:
    if past.height < LEAST:
        return None
    seconds = float(past["at"][-1] - past["at"][0])
    return past.height / seconds if seconds > 0 else None


def _report(options: argparse.Namespace, policy: Policy, basis: Basis) -> dict[str, Any]:
    from analysis.planning import Traffic, at_alpha
    from analysis.planning import plan as planned

    requests = _positive("--rate", options.rate) or basis.rate
    if requests is None:
        raise bad_input("the present traffic is not known", "--rate 50 plans for 50 requests/s")
    shadow = policy.shadow
    rate = min(requests * shadow.sample_percent / 100, shadow.max_copies_per_second)
    window = policy.judging.label_window
    delay = _positive("--label-delay", options.label_delay) or basis.label_delay
    budget = max(1, int(min(shadow.max_pairs, rate * shadow.max_seconds)))
    traffic = Traffic(rate, window if delay is None else min(delay, window), budget)
    made = planned(basis.seen, policy.judging, traffic)
    told = {gate.name for gate in made.gates}
    blocking = [
        g.name
        for g in policy.judging.gates.values()
        if g.blocking and g.name not in told and g.metric != "record"
    ]
    unknown = [f"{name} (no record of it)" for name in blocking]
    if delay is None:
        unknown.append("label delay (the whole label window is assumed)")
    return {
        "model": options.name,
        "like": basis.like,
        "rate": rate,
        "label_delay": traffic.label_delay,
        "budget": budget,
        "verdict": _both(made.pairs, made.seconds),
        "gates": [
            {"gate": g.name, "blocking": g.blocking, **_both(g.pairs, g.seconds),
             "smallest_harm": g.found}
            for g in made.gates
        ],
        "alphas": [
            {"alpha": alpha, **_whole(at_alpha(basis.seen, policy.judging, traffic, alpha))}
            for alpha in ALPHAS
        ],
        "cost": {
            "copies": _finite(made.pairs.middle),
            "more_requests": rate / requests,
            "busy_seconds": _finite(made.pairs.middle * basis.busy) if basis.busy else None,
        },
        "unknown": unknown,
    }  # fmt: skip


def _whole(made: "Plan") -> dict[str, Any]:
    return _both(made.pairs, made.seconds)


def _both(pairs: "Spread", seconds: "Spread") -> dict[str, Any]:
    """Pairs and seconds; null is beyond the budget."""
    return {
        "pairs": _finite(pairs.middle),
        "pairs_low": _finite(pairs.low),
        "pairs_high": _finite(pairs.high),
        "seconds": _finite(seconds.middle),
        "seconds_low": _finite(seconds.low),
        "seconds_high": _finite(seconds.high),
        "missed": pairs.missed,
    }


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


def _fraction(flag: str, percent: float | None) -> float | None:
    if percent is not None and not 0 <= percent <= 100:
        raise bad_input(f"{flag} {percent:g} is no share", f"{flag} 5 means 5 % of the requests")
    return percent / 100 if percent is not None else None


def _positive(flag: str, value: float | None) -> float | None:
    if value is not None and not (value > 0 and isfinite(value)):
        raise bad_input(f"{flag} {value:g} is not above 0", f"{flag} 50")
    return value
