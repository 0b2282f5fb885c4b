"""Applications near enough to the sample exchange to get far, wrong in one way or mangled."""

import tomllib
from importlib.resources import files
from typing import Any

from hypothesis import strategies as st

from benchmarks.fuzz_cases import Case
from benchmarks.fuzz_files import NO_TOML, put
from benchmarks.fuzz_words import DEEP, HUGE, LONG, broken, toml_of

SAMPLE = files("demo.exchange").joinpath("application.toml").read_text("utf-8")
APPLICATION: dict[str, Any] = tomllib.loads(SAMPLE)
PLAIN = toml_of(APPLICATION)
SERVICES = ("market-data", "order-entry", "settlement")

NO_TEXTS: tuple[Any, ...] = (3, 1.5, True, [], [LONG], {"a": 1}, "")
NO_LISTS: tuple[Any, ...] = (3, True, "text", {"a": 1}, [3], [""], [["a"]], [None], [{"a": 1}])
NO_FLAGS: tuple[Any, ...] = (0, 1, "yes", "", [], {}, 1.5)
NO_COUNTS: tuple[Any, ...] = (0, -1, 101, 1.5, True, "2", [], {}, HUGE, float("nan"))
WRONG: dict[str, tuple[Any, ...]] = {
    "command": (*NO_LISTS, [], ["serve"], ["serve", "{port}", "{secret}"], ["{port}", "{}"]),
    "paths": (*NO_LISTS, [], ["orders"], ["/"], ["/a b"], ["/predict"], ["/labels/x"], ["/é"]),
    "dependencies": (*NO_LISTS, ["nobody"], ["market-data", "market-data"]),
    "metrics": (*NO_TEXTS, "metrics", "/a?b"),
    "database": (*NO_TEXTS, "postgres://ann:pw@db/orders"),
    "model": (*NO_TEXTS, "price-predictor"),
    "runs": (3, True, [], {}, "twice", "Single"),
    "instances": NO_COUNTS,
    "grace": NO_COUNTS,
    "idempotent": NO_FLAGS,
    "mirrorable": NO_FLAGS,
    "health": (3, "text", True, ["/healthz"], {"ready": "readyz"}, {"live": 3}, {"alive": "/a"}),
    "release_steps": (
        *(3, "text", True, {"name": "grow"}, [3], ["grow"], [{}], [{"name": "grow"}]),
        *([{"name": "Grow!", "command": ["true"]}], [{"name": "grow", "command": []}]),
        [{"name": "grow", "command": ["true"], "reversible": "yes"}],
        [{"name": "grow", "command": ["true"]}] * 2,
        [{"name": "grow", "command": ["true"], "undo": ["true"]}],
        [{"name": "grow", "command": ["true"], "within": 0}],
        [{"name": "grow", "command": ["true", "{port}"]}],
    ),
}
NO_COMPONENTS: tuple[Any, ...] = (3, 1.5, True, "text", [], [{"command": ["{port}"]}])
CLASHES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"market-data": {"dependencies": ["settlement"]}}, "a circle"),
    ({"market-data": {"dependencies": ["market-data"]}}, "depends on itself"),
    ({"market-data": {"paths": ["/orders"]}}, "one path of two"),
    ({"market-data": {"paths": ["/orders/new"]}}, "a path below another's"),
    ({"order-entry": {"mirrorable": True}}, "copies of orders"),
    ({"settlement": {"instances": 2}}, "two of a single one"),
    ({"settlement": {"idempotent": True, "mirrorable": True}}, "copies to a single one"),
    ({"ml-service": {"command": ["serve", "{port}"]}}, "a model with a command"),
)


@st.composite
def wrong_value(draw: st.DrawFn) -> tuple[str, str]:
    """A key of a service with a value it cannot have."""
    service, key = draw(st.sampled_from(SERVICES)), draw(st.sampled_from(sorted(WRONG)))
    value = draw(st.sampled_from(WRONG[key]))
    path = ("component", service, key)
    return toml_of(put(APPLICATION, path, value)), f"{service} {key} = {str(value)[:40]!r}"


@st.composite
def unknown_key(draw: st.DrawFn) -> tuple[str, str]:
    """A key or table that no application has."""
    inside = [("component", part) for part in APPLICATION["component"]]
    table = draw(st.sampled_from([(), ("application",), *inside]))
    key = draw(st.sampled_from(("port", "Paths", "", " ", "é", "a.b", "runs ", LONG, "__len__")))
    value = draw(st.sampled_from((1, True, "text", {"tolerance": 0.1}, [])))
    return toml_of(put(APPLICATION, (*table, key), value)), f"unknown {key[:20]!r} in {table}"


@st.composite
def no_name(draw: st.DrawFn) -> tuple[str, str]:
    """An application or a component whose name is none, or is none of a table."""
    way = draw(st.integers(0, 3))
    if way == 0:
        value = draw(st.sampled_from((*NO_TEXTS, "Shop", "a b", "é", "-a", LONG, "market-data")))
        return toml_of(put(APPLICATION, ("application", "name"), value)), f"name {str(value)[:20]}"
    if way == 1:
        key = draw(st.sampled_from(("", "Shop", "a b", "é", "-a", "a.b", LONG, "../up")))
        service = {"command": ["serve", "{port}"], "paths": ["/new"]}
        return toml_of(put(APPLICATION, ("component", key), service)), f"component {key[:20]!r}"
    path = draw(st.sampled_from((("application",), ("component",), ("component", "settlement"))))
    value = draw(st.sampled_from(NO_COMPONENTS if path[-1] != "component" else (3, "text", [])))
    return toml_of(put(APPLICATION, path, value)), f"{'.'.join(path)} = {value!r}"


@st.composite
def clash(draw: st.DrawFn) -> tuple[str, str]:
    """Keys that are well by themselves and do not fit together."""
    changes, why = draw(st.sampled_from(CLASHES))
    made = APPLICATION
    for part, keys in changes.items():
        for key, value in keys.items():
            made = put(made, ("component", part, key), value)
    return toml_of(made), why


def no_toml() -> st.SearchStrategy[tuple[str, str]]:
    """What no TOML reader takes, or no application is."""
    ways = [(way(PLAIN), why) for way, why in NO_TOML]
    ways += [("", "nothing"), ("[" * DEEP, "brackets"), ("[application]\nname = 'x'\n", "no part")]
    return st.sampled_from([(text, why) for text, why in ways if text != PLAIN])


NAMED = ("deploy", "v1.0.0", "--application", "given.toml")
PLACES = (
    (NAMED, "given.toml"),
    ((*NAMED, "--plan"), "given.toml"),
    (("deploy", "v1.0.0"), "home/application.toml"),
    (("deploy", "v1.0.0", "--plan", "--rate", "50"), "home/application.toml"),
)


@st.composite
def applications(draw: st.DrawFn) -> Case:
    """An application for `deploy`, wrong in one way or mangled in any."""
    text, why = draw(st.one_of(wrong_value(), unknown_key(), no_name(), clash(), no_toml()))
    argv, place = draw(st.sampled_from(PLACES))
    content, nonsense = text.encode("utf-8"), f"application: {why}"
    if draw(st.integers(0, 4)) == 3:
        mangled: bytes = draw(broken(PLAIN.encode()))
        return Case((*NAMED, "--plan"), {"given.toml": mangled}, as_json=draw(st.booleans()))
    return Case(argv, {place: content}, nonsense, as_json=draw(st.booleans()))
