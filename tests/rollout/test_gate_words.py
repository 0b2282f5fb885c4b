"""Gates in the words of the live view: what is held against what, and what is so now."""

import tomllib
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rollout.gate_words import Beside, label, now
from rollout.live import LABEL, NOW

PACKAGED: dict[str, dict[str, Any]] = tomllib.loads(
    files("analysis").joinpath("gates.toml").read_text()
)["gates"]
BESIDE = Beside("v2.0.0", limit_ms=100.0, baseline_p95_ms=14.04, candidate_p95_ms=15.23)
UNMEASURED = Beside("v2.0.0", limit_ms=100.0, baseline_p95_ms=None, candidate_p95_ms=None)
DIFFERENCE = "difference of shares"


def gate(name: str, **changes: Any) -> dict[str, Any]:
    """A gate of the packaged policy with an estimate."""
    claims = {key: PACKAGED[name].get(key) for key in ("tolerance", "margin")}
    return {"name": name, **claims, "estimate": 0.891, "low": 0.879, "high": 0.9024, **changes}


LABELS = {
    "errors-paired": "errors",
    "errors-absolute": "errors < 0.1 %",
    "errors-late-paired": "late errors, paired",
    "errors-late-absolute": "late errors",
    "p95-limit": "p95 < 100 ms",
    "frozen-p95": "p95 against the past",
    "frozen-p99": "p99 against the past",
    "latency-thresholds": "latency, any threshold",
    "latency-mean": "latency on average",
    "p95-ratio": "p95 against p95",
    "accuracy-superior": "accuracy, better",
    "loss-paired": "loss of answers",
    "disagreement": "different answers",
    "prediction-shift": "predictions shifted",
    "sample-ratio": "rows of both sides",
    "unlabelled-share": "labels missing",
    "gross-frozen-p95": "late p95",
    "accuracy-absolute": "accuracy >= 85 %",
    "accuracy-paired": "no worse than v2.0.0",
    "coverage": "copies answered",
    "sample-integrity": "unusable records",
    "split-errors": "errors",
    "split-errors-late": "late errors, split",
    "split-frozen-p95": "p95 against the past",
    "split-gross-p95": "late p95",
    "split-thresholds": "latency, any threshold",
    "split-share": "share of the candidate",
}


@pytest.mark.parametrize(("name", "text"), LABELS.items(), ids=LABELS.keys())
def test_a_gate_is_labelled_by_its_limit(name: str, text: str) -> None:
    """Limits come from the policy; the name of the champion from the rollout."""
    assert label(gate(name), BESIDE) == text


def test_every_packaged_gate_has_a_label_that_fits() -> None:
    """Also beside a champion with a long name."""
    beside = Beside("v2.0.0-hotfix.20260105.3", 12_500.0, None, None)

    assert set(LABELS) == set(PACKAGED)
    assert max(len(label(gate(name), beside)) for name in PACKAGED) <= LABEL


NOWS = {
    "share": (gate("accuracy-absolute"), "share", "89.1 % (87.9 to 90.2)"),
    "difference": (
        gate("accuracy-paired", estimate=0.0081, low=-0.0129, high=0.0288),
        DIFFERENCE,
        "+0.81 pp (-1.29 to +2.88)",
    ),
    "a ratio": (
        gate("latency-mean", estimate=0.031, low=-0.002, high=0.064),
        "ratio",
        "+3.1 % (-0.2 to +6.4)",
    ),
    "a loss": (
        gate("loss-paired", estimate=-0.0123, low=-0.02, high=0.0051),
        "loss",
        "-0.012 (-0.020 to +0.005)",
    ),
    "nothing yet": (gate("errors-paired", estimate=None), DIFFERENCE, "no data yet"),
    "no interval": (gate("coverage", estimate=1.0, low=None, high=None), "share", "100 %"),
    "almost all": (gate("coverage", estimate=0.99966, low=None, high=None), "share", "99.96 %"),
    "next to nothing": (
        gate("errors-absolute", estimate=1e-7, low=0.0, high=0.0011),
        "share",
        "0 % (0 to 0.11)",
    ),
    "p95": (
        gate("p95-limit", estimate=0.021, low=0.01, high=0.0345),
        "share",
        "15.2 ms (2.1 to 3.45 % over)",
    ),
    "p95 without an interval": (gate("p95-limit", high=None, low=None), "share", "89.1 %"),
    "p95 beside the champion's": (gate("frozen-p95"), DIFFERENCE, "15.2 ms, champion 14 ms"),
}


@pytest.mark.parametrize(("given_gate", "unit", "text"), NOWS.values(), ids=NOWS.keys())
def test_what_is_so_now(given_gate: dict[str, Any], unit: str, text: str) -> None:
    """A number never stands alone: unit and interval are with it."""
    assert now(given_gate, unit, BESIDE) == text


@pytest.mark.parametrize(
    ("unit", "changes", "text"),
    [
        ("ratio", {"high": None}, "+89.1 % (from +87.9)"),
        (DIFFERENCE, {"low": None}, "+89.1 pp (up to +90.2)"),
        ("loss", {"low": None, "high": None}, "+0.891"),
    ],
    ids=["no upper end yet", "no lower end yet", "neither"],
)
def test_an_interval_may_be_open(unit: str, changes: dict[str, None], text: str) -> None:
    """Few pairs bound a ratio on one side alone; that ends no look."""
    assert now(gate("p95-ratio", **changes), unit, BESIDE) == text


def test_latency_gates_before_anything_was_measured() -> None:
    """Without a measured p95 they say the share, or that there is none."""
    assert now(gate("frozen-p95", estimate=None), DIFFERENCE, UNMEASURED) == "no data yet"
    assert now(gate("p95-limit"), "share", UNMEASURED) == "89.1 % (87.9 to 90.2)"


SHARES = st.floats(0, 1)
DIFFERENCES = st.floats(-1, 1)
TIMES = st.floats(0.01, 90_000)


@example("p95-limit", 0.9996, 0.0, 0.9996, 999.0)
@given(st.sampled_from(sorted(PACKAGED)), SHARES, SHARES, SHARES, TIMES)
def test_shares_fit_their_column(
    name: str, value: float, low: float, high: float, p95: float
) -> None:
    """No number takes the outcome off the screen, and none is written with an exponent."""
    beside = Beside("v2.0.0", 100.0, baseline_p95_ms=p95, candidate_p95_ms=p95)
    text = now(gate(name, estimate=value, low=low, high=high), "share", beside)

    assert len(text) <= NOW
    assert "e" not in text.replace("over", "").replace("champion", "")


@given(DIFFERENCES, DIFFERENCES, DIFFERENCES)
def test_differences_fit_their_column(value: float, low: float, high: float) -> None:
    """With their signs, always."""
    told = gate("accuracy-paired", estimate=value, low=low, high=high)
    text = now(told, DIFFERENCE, BESIDE)

    assert len(text) <= NOW
    assert text.count("+") + text.count("-") == 3
