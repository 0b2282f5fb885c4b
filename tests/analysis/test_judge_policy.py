"""A policy states each number once; whatever it does not mean to say is refused at load."""

import hashlib
import tomllib
from pathlib import Path

import pytest
from pair_tables import ONE_MACHINE

from analysis import BadInput, default_policy, parse_policy, read_policy
from analysis.policy import PAIRLESS, SPLIT
from analysis.policy_file import GATES

REFUSED = {
    "not TOML": ("[gates", "not TOML"),
    "a number at the top": ("gates = 3", "gates is not a table"),
    "unknown table": ("[budget]\n", "unknown table budget"),
    "unknown gate": ("[gates.error-paired]\nmargin = 0.1", "unknown gate error-paired"),
    "unknown key": ("[gates.errors-paired]\nmargn = 0.1", "unknown key in .* margn"),
    "key of another gate": ("[gates.errors-paired]\nlimit_ms = 5", "unknown key in .* limit_ms"),
    "empty gates": ("[gates]\n", "gates. is empty"),
    "gate is no table": ("[gates]\nerrors-paired = 3", "not a table"),
    "a number without end": (
        f"[budgets]\nmin_pairs = {'9' * 400}",
        r"min_pairs is 9{60}\.\.\.$",
    ),
    "text for a number": ('[budgets]\nalpha_promote = "5 %"', "it must be|alpha_promote is"),
    "true for a number": ("[budgets]\nalpha_promote = true", "alpha_promote is True"),
    "a fraction of pairs": ("[budgets]\nmin_pairs = 10.5", "min_pairs is 10.5"),
    "nan": ("[budgets]\nalpha_promote = nan", "alpha_promote is nan"),
    "infinite": ("[time]\nlabel_window = inf", "label_window is inf"),
    "alpha 0": ("[budgets]\nalpha_rollback = 0.0", "alpha_rollback is 0"),
    "alpha above a half": ("[budgets]\nalpha_promote = 0.6", "alpha_promote is 0.6"),
    "no pairs": ("[budgets]\nmin_pairs = 0", "min_pairs is 0"),
    "negative timeout": ("[time]\ntimeout = -1.0", "timeout is -1"),
    "weights above 1": ("[gates.errors-paired]\nweight = 0.9", "weights of the gates add up to"),
    "weights of split traffic above 1": (
        "[gates.split-errors]\nweight = 0.9",
        "add up to .* for split traffic",
    ),
    "waiting for every threshold of split traffic": (
        "[gates.split-thresholds]\nblocking = true",
        "blocking is true",
    ),
    "no weight": ("[gates.errors-paired]\nweight = 0.0", "weight is 0"),
    "percent for a fraction": ("[gates.errors-absolute]\ntolerance = 5", "tolerance is 5"),
    "margin below tolerance": ("[gates.accuracy-paired]\ntolerance = 0.02", "margin is 0.01"),
    "zero margin below tolerance": (
        "[gates.accuracy-paired]\ntolerance = 0.02\nmargin = 0.0",
        "margin is 0",
    ),
    "unsent copies could hide harm": ("[gates.coverage]\nmax_not_sent = 0.001", "max_not_sent"),
    "waiting for ever": ("[gates.gross-frozen-p95]\nblocking = true", "blocking is true"),
    "waiting for every threshold": (
        "[gates.latency-thresholds]\nblocking = true",
        "blocking is true",
    ),
    "another metric": ('[gates.frozen-p99]\nmetric = "errors"', "metric is 'errors'"),
    "unknown metric": ('[gates.coverage]\nmetric = "latencies"', "metric is 'latencies'"),
    "a ratio below its tolerance": (
        "[gates.latency-mean]\ntolerance = 0.5",
        "margin is 0.25",
    ),
    "calibrated": ('[drift]\nkind = "calibrated"', "without until"),
    "unknown drift": ('[drift]\nkind = "gaurd"', "kind is 'gaurd'"),
    "none without reason": ('[drift]\nkind = "none"', "without a reason"),
    "none with numbers": ('[drift]\nkind = "none"\nreason = "x"\nblocks = 3', "only a reason"),
    "unknown rule": ('[accuracy]\nrule = "close"', "rule is 'close'"),
    "tolerance without rule": ("[accuracy]\ntolerance = 2.0", "rule is None"),
    "rule without tolerance": ('[accuracy]\nrule = "within_factor"', "without a tolerance"),
    "percent for a part": (
        '[accuracy]\nrule = "within_relative"\ntolerance = 10.0',
        "tolerance is 10",
    ),
    "equal with tolerance": ('[accuracy]\nrule = "equal"\ntolerance = 1.0', "with a tolerance"),
    "factor below 1": ('[accuracy]\nrule = "within_factor"\ntolerance = 0.5', "tolerance is 0.5"),
    "pinned p95 of 0": ("[latency]\nbaseline_p95_ms = 0.0", "baseline_p95_ms is 0"),
    "short reference": ("[latency]\nreference_pairs = 10", "reference_pairs is 10"),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_policy_that_says_what_it_cannot_mean_is_refused(text: str, said: str) -> None:
    """Each error names the key and has a hint."""
    with pytest.raises(BadInput, match=said) as refused:
        parse_policy(text)

    assert refused.value.hint


@pytest.mark.parametrize("other", [3, {}, ["policy.toml"]])
def test_what_is_no_policy_is_refused(other: object) -> None:
    """Neither a number nor a table that was read already."""
    with pytest.raises(BadInput, match="is no policy"):
        read_policy(other)  # type: ignore[arg-type]


def test_no_blocking_gate_is_refused() -> None:
    """A policy that would promote anything is an error."""
    blocking = [gate.name for gate in default_policy().gates.values() if gate.blocking]
    text = "".join(f"[gates.{name}]\nblocking = false\n" for name in blocking)

    with pytest.raises(BadInput, match="no gate is blocking"):
        parse_policy(text)


def test_a_misspelt_key_names_the_nearest() -> None:
    """The hint is what was probably meant."""
    with pytest.raises(BadInput) as refused:
        parse_policy("[gates.gros-frozen-p95]\nmargin = 0.5")

    assert refused.value.hint == "did you mean gross-frozen-p95?"


def test_a_gate_outside_of_its_table_is_named_with_it() -> None:
    """`[errors-paired]` is no table, and its name alone would lead to the wrong one."""
    with pytest.raises(BadInput, match="unknown table errors-paired") as refused:
        parse_policy("[errors-paired]\nmargin = 0.5")

    assert refused.value.hint == "write [gates.errors-paired]"


def test_what_a_policy_leaves_out_is_the_default() -> None:
    """One stated number changes one number."""
    stated = parse_policy("[gates.p95-limit]\nlimit_ms = 250\n")
    default = default_policy()

    assert stated.gates["p95-limit"].limits["limit_ms"] == 250
    assert {**stated.gates, "p95-limit": None} == {**default.gates, "p95-limit": None}
    assert (stated.drift, stated.accuracy) == (default.drift, default.accuracy)


def test_the_rollout_table_belongs_to_another_room() -> None:
    """Keys of [rollout] are not judged here."""
    assert parse_policy("[rollout]\nsteps = [5, 25]\n").gates == default_policy().gates


def test_the_digest_is_that_of_the_text() -> None:
    """Two texts are two policies, and sha256sum can check it."""
    assert parse_policy(ONE_MACHINE).digest == hashlib.sha256(ONE_MACHINE.encode()).hexdigest()


def test_a_policy_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """So is one that is no text."""
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")

    for name in ("none.toml", "bytes.toml"):
        with pytest.raises(BadInput, match="cannot be read"):
            read_policy(tmp_path / name)


RUNBOOK = {
    "accuracy floor": ("accuracy-absolute", "tolerance", 0.85),
    "error rate that rolls back": ("errors-absolute", "tolerance", 0.05),
    "error rate target": ("errors-absolute", "margin", 0.001),
    "p95 limit": ("p95-limit", "limit_ms", 100.0),
    "latency that rolls back": ("gross-frozen-p95", "tolerance", 0.5),
}


@pytest.mark.parametrize(("gate", "key", "value"), RUNBOOK.values(), ids=RUNBOOK.keys())
def test_the_default_holds_the_numbers_of_the_runbook(gate: str, key: str, value: float) -> None:
    """The runbook's rollback numbers are tolerances, its targets margins."""
    assert tomllib.loads(GATES.read_text())["gates"][gate][key] == value


def test_the_default_spends_its_budget_as_designed() -> None:
    """Shares of alpha_rollback by family, as the design splits them; nothing is left over."""
    weights = {name: gate.weight for name, gate in default_policy().gates.items()}

    assert weights["errors-paired"] == 1 / 4
    assert weights["latency-thresholds"] + weights["latency-mean"] == 1 / 4
    assert weights["gross-frozen-p95"] == 1 / 8
    assert weights["errors-late-paired"] + weights["errors-late-absolute"] == 1 / 8
    assert weights["accuracy-absolute"] + weights["accuracy-paired"] == 1 / 8
    paired = sum(weight for name, weight in weights.items() if name not in SPLIT)
    assert paired + default_policy().segments == 1
    assert sum(weights[name] for name in (*SPLIT, *PAIRLESS)) == 1
