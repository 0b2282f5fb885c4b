"""Policies, label files and site files, near enough to valid ones to get far."""

import copy
import json
import tomllib
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from analysis.policy_file import GATES
from benchmarks.fuzz_cases import Case
from benchmarks.fuzz_site import MODEL
from benchmarks.fuzz_words import (
    ANYTHING,
    DEEP,
    HUGE,
    LONG,
    NO_NUMBERS,
    WRONG_NUMBERS,
    broken,
    json_of,
    toml_of,
)
from rollout.policy import default_policy_text

Paths = list[tuple[str, ...]]
TEXTS = {("drift", "kind"), ("drift", "reason"), ("accuracy", "rule")}
BRANCHES = ("budgets", "time", "latency", "gates", "rollout")


def whole_policy() -> dict[str, Any]:
    """Every key a policy may have, with the packaged values."""
    tables = tomllib.loads(GATES.read_text("utf-8")) | tomllib.loads(default_policy_text())
    tables["drift"] = {"kind": "none", "reason": "both sides share a machine"}
    return tables


POLICY = whole_policy()
PLAIN_POLICY = toml_of(POLICY)


def leaves(table: dict[str, Any], above: tuple[str, ...] = ()) -> Paths:
    """The way to every value."""
    found: Paths = []
    for key, value in table.items():
        found += leaves(value, (*above, key)) if isinstance(value, dict) else [(*above, key)]
    return found


def put(table: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy with one value, or key, put in place."""
    changed = copy.deepcopy(table)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


@st.composite
def wrong_value(draw: st.DrawFn) -> tuple[str, str]:
    """A key of the policy with a value it cannot have."""
    path = draw(st.sampled_from(leaves(POLICY)))
    packaged: Any = POLICY
    for key in path:
        packaged = packaged[key]
    if path in TEXTS:
        value = draw(st.sampled_from((True, 3, 1.5, [], [LONG], {"a": 1}, "", "lost", HUGE)))
        if path == ("drift", "reason") and value == "lost":
            value = " \t"
    elif isinstance(packaged, bool):
        value = draw(st.sampled_from([v for v in NO_NUMBERS if not isinstance(v, bool)] + [0, 1]))
    else:
        no_share = [v for v in WRONG_NUMBERS if not (isinstance(v, float) and v > 1)]
        value = draw(st.sampled_from((*NO_NUMBERS, *(v for v in no_share if v < 0 or v == HUGE))))
    return toml_of(put(POLICY, path, value)), f"{'.'.join(path)} = {str(value)[:30]!r}"


@st.composite
def unknown_key(draw: st.DrawFn) -> tuple[str, str]:
    """A key, table or gate that no policy has."""
    table = draw(st.sampled_from(sorted({path[:-1] for path in leaves(POLICY)} | {()})))
    key = draw(
        st.sampled_from(("alpha", "Blocking", "", " ", "é", "a.b", "reason ", LONG, "__len__"))
    )
    value = draw(st.sampled_from((1, 0.5, True, "text", {"tolerance": 0.1}, [])))
    return toml_of(put(POLICY, (*table, key), value)), f"unknown key {key[:20]!r} in {table}"


@st.composite
def no_table(draw: st.DrawFn) -> tuple[str, str]:
    """A table that is something else."""
    ways = sorted({path[:depth] for path in leaves(POLICY) for depth in range(1, len(path))})
    path = draw(st.sampled_from(ways))
    value = draw(st.sampled_from((True, 3, 1.5, "text", [], [{"a": 1}], float("nan"))))
    return toml_of(put(POLICY, path, value)), f"{'.'.join(path)} = {value!r}"


NO_TOML: tuple[tuple[Callable[[str], str], str], ...] = (
    (lambda text: "\ufeff" + text, "byte order mark"),
    (lambda text: text + "\0", "NUL"),
    (lambda text: text + "[", "half a table"),
    (lambda text: text + text, "everything twice"),
    (lambda text: text + "\n[time]\n", "a table twice"),
    (lambda text: text + "x = " + "[" * DEEP, "deep and cut"),
    (lambda text: "x = " + "[" * DEEP + "]" * DEEP + "\n" + text, "deep"),
    (lambda text: "x = " + "{a = " * DEEP + "1" + "}" * DEEP + "\n" + text, "deep tables"),
    (lambda text: ".".join(["a"] * DEEP) + " = 1\n" + text, "long path"),
    (lambda text: text + f"\n[extra]\nx = {'9' * 9_000}\n", "more digits than Python reads"),
    (lambda text: text.replace('"none"', '"no\ne"', 1), "a line break in a text"),
    (lambda text: text.replace("=", ":"), "YAML"),
    (lambda text: "{" + text + "}", "JSON"),
    (lambda text: text + "\x85", "a control character"),
)


def no_toml() -> st.SearchStrategy[tuple[str, str]]:
    """What no TOML reader takes, or no policy is."""
    return st.sampled_from(NO_TOML).map(lambda way: (way[0](PLAIN_POLICY), way[1]))


PLACES = (
    (("judge", "pairs.jsonl", "--policy", "given.toml"), "given.toml"),
    (("plan", MODEL, "--policy", "given.toml"), "given.toml"),
    (("deploy-model", MODEL, "v2.0.0", "--policy", "given.toml"), "given.toml"),
    (("deploy-model", MODEL, "v2.0.0"), "home/policy.toml"),
    (("plan", MODEL), "home/policy.toml"),
)


@st.composite
def policies(draw: st.DrawFn) -> Case:
    """A policy for `judge`, `plan` or a deploy, wrong in one way or mangled in any."""
    text, why = draw(st.one_of(wrong_value(), unknown_key(), no_table(), no_toml()))
    content: bytes = text.encode("utf-8")
    nonsense = f"policy: {why}"
    if draw(st.integers(0, 4)) == 3:
        content = draw(broken(PLAIN_POLICY.encode()))
        return Case(PLACES[0][0], {PLACES[0][1]: content}, as_json=draw(st.booleans()))
    argv, place = draw(st.sampled_from(PLACES))
    return Case(argv, {place: content}, nonsense, as_json=draw(st.booleans()))


LABEL = {"request_id": "r-7", "label": 1.5, "labelled_at": "2026-01-05T12:00:00+00:00"}
NO_LABELS: dict[str, tuple[Any, ...]] = {
    "request_id": (None, "", 3, True, [], {}, 1.5, float("nan")),
    "label": (None, "", True, [], {}, float("nan"), float("inf"), float("-inf")),
    "labelled_at": (
        *(None, "", 3, True, [], {}, "noon", "2026-01-05T12:00:00", "2026-13-01T00:00:00Z"),
        *("2026-01-05", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-05T25"),
    ),
}
NO_LINES = (
    *(b"", b"{", b"[]", b"3", b'"a"', b"null", b"\xff", b"[" * DEEP, b'{"a":' * DEEP, b"\0"),
    *(b'{"request_id": NaN}', b"{'request_id': 'a'}", b'{"request_id": "\\ud800"}'),
)


@st.composite
def label_lines(draw: st.DrawFn) -> tuple[bytes, str]:
    """A line that is no label."""
    if draw(st.booleans()):
        line = draw(st.sampled_from(NO_LINES))
        return line, f"line {line[:20]!r}"
    key = draw(st.sampled_from(sorted(NO_LABELS)))
    if draw(st.integers(0, 4)) == 0:
        return json_of({k: v for k, v in LABEL.items() if k != key}).encode(), f"no {key}"
    value = draw(st.sampled_from(NO_LABELS[key]))
    return json_of({**LABEL, key: value}).encode(), f"{key} = {value!r}"


@st.composite
def labels(draw: st.DrawFn) -> Case:
    """A label file with one bad line among good ones, or mangled."""
    good = [
        json_of({**LABEL, "request_id": f"r-{n}"}).encode() for n in range(draw(st.integers(0, 4)))
    ]
    bad, why = draw(label_lines())
    at = draw(st.integers(0, len(good)))
    nonsense: str | None = f"labels: {why}"
    content = b"\n".join([*good[:at], bad, *good[at:], json_of(LABEL).encode(), b""])
    way = draw(st.integers(0, 5))
    if way == 0:
        content, nonsense = draw(broken(b"\n".join([*good, b""]))), None
    elif way == 1:
        content, nonsense = b"\n".join([json_of(LABEL).encode()] * 2), "labels: one id twice"
    elif way == 2 and not good:
        content, nonsense = b"\n" * draw(st.integers(0, 3)), "labels: none"
    argv = ("labels", MODEL, "labels.jsonl")
    return Case(argv, {"labels.jsonl": content}, nonsense, as_json=draw(st.booleans()))


SITE = {
    "name": "local",
    "region": "local",
    "ports": {"endpoint": 20_001, "admin": 20_002, "prefect": 20_003, "mlflow": 20_004},
    "node_id": "pincex-0123456789ab",
}
ASKING = (("status",), ("model-status", MODEL), ("plan", MODEL), ("resume", MODEL))
NO_PORTS = (None, True, 0, -1, 65_536, HUGE, 1.5, "20001", [], {}, float("nan"))
NO_SITE_WORDS = (None, True, 3, "", [], {}, 1.5, HUGE)


@st.composite
def no_site(draw: st.DrawFn) -> tuple[bytes, str]:
    """A site.json with one wrong value, one key too few or too many, or one port for two."""
    path = draw(st.sampled_from(leaves(SITE)))
    way = draw(st.integers(0, 4))
    if way == 0:
        lost = copy.deepcopy(SITE)
        inner: Any = lost["ports"] if path[0] == "ports" else lost
        del inner[path[-1]]
        return json_of(lost).encode(), f"no {'.'.join(path)}"
    if way == 1:
        return json_of(put(SITE, ("ports", "extra"), 20_009)).encode(), "a port too many"
    if way == 2:
        return json_of(put(SITE, ("ports", "admin"), 20_001)).encode(), "one port twice"
    words = NO_PORTS if path[0] == "ports" else NO_SITE_WORDS
    value = draw(st.sampled_from(words))
    return json_of(put(SITE, path, value)).encode(), f"{'.'.join(path)} = {str(value)[:20]}"


@st.composite
def sites(draw: st.DrawFn) -> Case:
    """A site file, or another file of the site's own state, damaged."""
    argv = draw(st.sampled_from(ASKING[:2] if draw(st.booleans()) else ASKING))
    content, why = draw(no_site())
    nonsense: str | None = f"site.json: {why}"
    way = draw(st.integers(0, 3))
    if way == 0:
        content, nonsense = draw(broken(json.dumps(SITE, indent=1).encode())), None
    elif way == 1:
        content = draw(st.sampled_from((b"", b"{", b"[]", b"3", b"\xff", b"[" * 99_999, b"null")))
        nonsense = f"site.json: {content[:9]!r}"
    return Case(argv, {"home/site.json": content}, nonsense, (1,), draw(st.booleans()))


RUN = {
    "role": "envoy",
    "pid": 4_000_000,
    "mark": "12345678:1",
    "since": 1.5,
    "kept": True,
    "spec": "0123456789abcdef",
    "grace": 10.0,
    "deaths": 0,
    "last_exit": None,
}


@st.composite
def state_files(draw: st.DrawFn) -> Case:
    """A note of what runs, damaged by a crash or by a hand: never a traceback."""
    path = draw(st.sampled_from(leaves(RUN)))
    content = json_of(put(RUN, path, draw(st.sampled_from(ANYTHING)))).encode()
    if draw(st.booleans()):
        content = draw(broken(json_of(RUN).encode()))
    role = draw(st.sampled_from(("run/envoy", "run/mlflow", "envoy/xds/rds/routes", "run/%2e%2e")))
    argv = draw(st.sampled_from((("status",), ("model-status", MODEL))))
    return Case(argv, {f"home/{role}.json": content}, as_json=draw(st.booleans()))
