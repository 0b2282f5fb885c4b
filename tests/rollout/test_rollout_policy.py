"""The policy of a rollout: each number stated once, whatever it does not mean refused."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from math import inf

import pytest

from analysis import BadInput
from rollout.policy import default_policy_text, parse, with_baseline_p95

PACKAGED = default_policy_text()
NUMBERS = re.compile(r"^(\w+) = ([0-9_.]+)", re.MULTILINE)
STATED = {
    f"{match[1]}, line {number}": match for number, match in enumerate(NUMBERS.finditer(PACKAGED))
}
NOT_COMPARED = ("text", "digest")


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every value of a parsed policy by its path, without the text it was read from."""
    if is_dataclass(value):
        named = [field.name for field in fields(value) if field.name not in NOT_COMPARED]
        for name in named:
            yield from leaves(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, Mapping):
        for name in value:
            yield from leaves(value[name], f"{path}.{name}")
    else:
        yield path, value


@pytest.mark.parametrize("match", STATED.values(), ids=STATED.keys())
def test_each_number_of_the_packaged_policy_means_one_thing(match: re.Match[str]) -> None:
    """Changed in the text, it changes exactly one value of the parsed policy, to itself."""
    before = int(match[2]) if match[2].replace("_", "").isdigit() else float(match[2])
    after = before - 1 if before == 100 else before + 1
    text = f"{PACKAGED[: match.start(2)]}{after}{PACKAGED[match.end(2) :]}"
    old, new = (dict(leaves(parse(told))) for told in (PACKAGED, text))
    changed = {path for path in old if old[path] != new[path]}

    assert len(changed) == 1
    assert new[changed.pop()] == after


def test_every_value_of_a_rollout_is_stated_in_the_packaged_policy() -> None:
    """No number of `Policy` comes from the code."""
    table = tomllib.loads(PACKAGED)["rollout"]
    stated = [value for _, value in leaves(table)]
    parsed = [value for path, value in leaves(parse(PACKAGED)) if not path.startswith(".judging")]

    assert sorted(stated) == sorted(parsed)


def test_the_local_site_says_why_it_does_not_fear_drift() -> None:
    """Both versions share the machine: no guard, with the reason written down."""
    drift = parse(PACKAGED).judging.drift

    assert (drift.kind, drift.reason) == (
        "none",
        "champion and challenger share one machine and the same seconds",
    )


def test_what_a_policy_leaves_out_is_the_packaged_value() -> None:
    """A file that states one number of a table keeps the others."""
    packaged = parse(PACKAGED)
    given = parse(PACKAGED.replace("max_seconds = 1800", "max_seconds = 5"))
    alone = parse("[rollout.shadow]\nmax_seconds = 5")

    assert given.shadow.max_seconds == alone.shadow.max_seconds == 5
    assert alone.shadow.max_pairs == packaged.shadow.max_pairs
    assert (alone.replicas, alone.smoke_requests) == (packaged.replicas, packaged.smoke_requests)


REFUSED = {
    "unknown key": ("[rollout]\nreplica = 2", "[rollout] has no key 'replica'", "known keys: rep"),
    "unknown key below": (
        "[rollout.shadow]\nmax_minutes = 3",
        "[rollout.shadow] has no key 'max_minutes'",
        "known keys: max_seconds, ",
    ),
    "unknown table": (
        "[rollout.smoked]\nrequests = 3",
        "has no key 'smoked'",
        "approval, smoke",
    ),
    "number for a table": (
        "[rollout]\nshadow = 3",
        "[rollout.shadow] must be a table",
        "max_pairs",
    ),
    "the room is no table": ("rollout = 3", "rollout is not a table", ""),
    "table for a number": (
        "[rollout.replicas]\nx = 1",
        "replicas = {'x': 1} is not",
        "default is 2",
    ),
    "text for a number": ('[rollout]\nready_within = "60"', "is not a number above 0", "60"),
    "true for a number": ("[rollout]\nready_within = true", "= True is not a number above 0", "60"),
    "zero": ("[rollout]\ndrain_within = 0", "drain_within = 0 is not a number above 0", "10"),
    "negative": ("[rollout]\ndrain_within = -1.5", "is not a number above 0", "10"),
    "infinite": ("[rollout.shadow]\nmax_seconds = inf", "= inf is not a number", "1800"),
    "nan": ("[rollout.shadow]\nmax_seconds = nan", "= nan is not a number", "1800"),
    "half a server": ("[rollout]\nreplicas = 1.5", "replicas = 1.5 is not a whole number", "2"),
    "half a pair": ("[rollout.shadow]\nmax_pairs = 1.5", "is not a whole number above 0", "000"),
    "no smoke": ("[rollout.smoke]\nrequests = 0", "is not a whole number above 0", "200"),
    "more than all": (
        "[rollout.shadow]\nsample_percent = 101",
        "sample_percent = 101 is no share",
        "at most 100",
    ),
    "no minute": ("[rollout.watch]\nminute = 0", "minute = 0 is not a whole number", "60"),
    "half a minute": ("[rollout.watch]\nminute = 0.5", "is not a whole number above 0", "60"),
    "a watch without end": ("[rollout.watch]\nseconds = inf", "= inf is not a number", "600"),
    "a watch of less than nothing": ("[rollout.watch]\nseconds = -1", "is not a number", "600"),
    "an unknown live rule": (
        "[rollout.live_rules.cpu]\nabove_percent = 80",
        "[rollout.live_rules] has no key 'cpu'",
        "errors, response_time, health, accuracy",
    ),
    "more errors than all": (
        "[rollout.live_rules.errors]\nabove_percent = 101",
        "above_percent = 101 is no share",
        "at most 100",
    ),
    "approval that is neither yes nor no": (
        "[rollout.approval]\nrequired = 1",
        "[rollout.approval] required = 1 is neither true nor false",
        "the default is false",
    ),
    "an unknown table of judging": ("[gate]\nx = 1", "unknown table gate", "gates"),
    "steps that pass harm": (
        "[rollout.steps]\nerrors_limit_percent = 100",
        "errors_limit_percent = 100 is no less than what counts as harm",
        "less than 100",
    ),
    "no TOML": ("[rollout", "not TOML", ""),
}


@pytest.mark.parametrize(("text", "said", "hint"), REFUSED.values(), ids=REFUSED.keys())
def test_what_a_policy_cannot_mean_is_refused(text: str, said: str, hint: str) -> None:
    """The error names the key, the hint says what would be right."""
    with pytest.raises(BadInput) as refused:
        parse(text)

    assert said in str(refused.value)
    assert hint in refused.value.hint


def test_the_past_p95_is_pinned_where_it_is_known() -> None:
    """The pinned text parses to that number and says where it comes from; the rest is unchanged."""
    text = with_baseline_p95(PACKAGED, 14.23456789)

    assert text.startswith(PACKAGED.rstrip())
    assert "# Pinned when the shadow was opened" in text
    assert parse(text).judging.baseline_p95_ms == 14.2346


@pytest.mark.parametrize(
    ("text", "p95"),
    [(PACKAGED, None), (f"{PACKAGED}\n[latency]\nbaseline_p95_ms = 9.0\n", 14.2)],
    ids=["nothing is known", "the policy names one"],
)
def test_otherwise_the_policy_stays_as_it_is(text: str, p95: float | None) -> None:
    """To the byte, so that its digest stays, too."""
    assert with_baseline_p95(text, p95) == text


def test_a_watch_of_no_seconds_is_no_watch() -> None:
    """The one number of a rollout that may be 0."""
    assert parse("[rollout.watch]\nseconds = 0").watch.seconds == 0


@pytest.mark.parametrize(
    ("past_ms", "limit_ms"), [(100.0, 150.0), (4.0, 14.0)], ids=["by share", "by the floor"]
)
def test_when_a_response_time_is_over(past_ms: float, limit_ms: float) -> None:
    """Half as much again, and at least 10 ms more."""
    assert parse(PACKAGED).live_rules.response_time.limit_ms(past_ms) == limit_ms


def test_the_runbooks_triggers_are_the_packaged_ones() -> None:
    """Errors over 5 % for 2 minutes, +50 % for 5 minutes, 3 health checks, accuracy 85 %."""
    rules, watch = parse(PACKAGED).live_rules, parse(PACKAGED).watch

    assert (watch.seconds, watch.minute) == (600, 60)
    assert (rules.errors.above_percent, rules.errors.minutes) == (5, 2)
    assert (rules.response_time.above_percent, rules.response_time.minutes) == (50, 5)
    assert rules.health.failed_checks == 3
    assert rules.accuracy.below_percent == 85


def test_where_hosts_may_drift_apart_the_packaged_policy_guards() -> None:
    """Nothing else of it is other than on one machine."""
    here, elsewhere = parse(PACKAGED), parse(default_policy_text(one_machine=False))

    assert (here.judging.drift.kind, elsewhere.judging.drift.kind) == ("none", "guard")
    assert elsewhere.judging.accuracy == here.judging.accuracy
    assert elsewhere.judging.gates == here.judging.gates
    assert (elsewhere.shadow, elsewhere.live_rules) == (here.shadow, here.live_rules)


@pytest.mark.parametrize(
    ("past", "limit"),
    [
        pytest.param(None, inf, id="no past: none is slow, and nothing passes"),
        pytest.param(0.0, 10.0, id="below half a millisecond is a past"),
        pytest.param(4.0, 14.0, id="the floor for fast ones"),
        pytest.param(100.0, 150.0, id="half more"),
    ],
)
def test_above_what_an_answer_is_slow(past: float | None, limit: float) -> None:
    """By the runbook's rule against the past p95, whatever that was."""
    assert parse(PACKAGED).live_rules.response_time.limit_ms(past) == limit
