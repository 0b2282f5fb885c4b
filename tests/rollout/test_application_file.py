"""The description of an application: what it says is kept, what does not fit is refused by line."""

import tomllib
from importlib.resources import files

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis import BadInput
from rollout.application import Application, parse_application
from rollout.toml_lines import Lines

SAMPLE = files("demo.exchange").joinpath("application.toml").read_text(encoding="utf-8")
TWO = """\
[application]
name = "shop"

[component.front]
image = "shop/front:1"
paths = ["/front"]
dependencies = ["back"]

[component.back]
command = ["back", "--port={port}"]
"""


def parsed(text: str = TWO) -> Application:
    """The application that a text describes."""
    return parse_application(text)


def test_components_come_after_what_they_depend_on() -> None:
    """A rollout that follows the order never meets a component whose dependency is older."""
    assert [part.name for part in parsed().components] == ["back", "front"]


def test_what_a_component_leaves_out_is_the_safe_choice() -> None:
    """Never sent twice, never copied, never two at a time, no step that can be taken back."""
    part = parsed().component("back")

    assert (part.idempotent, part.mirrorable, part.single, part.instances) == (
        False,
        False,
        True,
        1,
    )
    assert (part.health.ready, part.health.live) == ("/readyz", "/healthz")


def test_the_sample_exchange_keeps_orders_from_being_sent_twice() -> None:
    """Order entry is neither repeated nor copied; settlement is handed over, never weighted."""
    sample = parsed(SAMPLE)
    orders, settlement = sample.component("order-entry"), sample.component("settlement")

    assert not orders.idempotent
    assert not orders.mirrorable
    assert orders.shares((5, 100)) == (5, 100)
    assert settlement.shares((5, 100)) == (100,)
    assert [part.name for part in sample.services] == ["market-data", "order-entry", "settlement"]


@pytest.mark.parametrize(
    ("line", "instead", "said", "right"),
    [
        pytest.param(
            'image = "shop/front:1"', 'imge = "shop/front:1"',
            "line 5: [component.front] imge: there is no key 'imge'", "image", id="unknown key",
        ),
        pytest.param(
            'name = "shop"', 'name = "shop"\nowner = "me"',
            "line 3: application.owner: there is no key 'owner'", "name",
            id="unknown key of the application",
        ),
        pytest.param(
            "[application]", "[applications]", "line 1: applications: there is no key", "component",
            id="unknown table",
        ),
        pytest.param(
            'name = "shop"', "", "application.name: it is missing", "letters", id="no name"
        ),
        pytest.param(
            'image = "shop/front:1"', "", "line 4: [component.front] it has neither", "runs",
            id="nothing runs",
        ),
        pytest.param(
            '"--port={port}"', '"--port=80"', "line 10: [component.back] command: it is not told",
            "{port}", id="no port",
        ),
        pytest.param(
            '"--port={port}"', '"--port={port}", "{secret}"', "nothing is filled in for {secret}",
            "{version}", id="unknown placeholder",
        ),
        pytest.param(
            '["back"]', '["bakc"]', "line 7: [component.front] dependencies: there is no component",
            "front, back", id="unknown dependency",
        ),
        pytest.param(
            '"--port={port}"]', '"{port}"]\ndependencies = ["front"]',
            "dependencies: nothing can be first: front -> back -> front", "without a circle",
            id="circle",
        ),
        pytest.param(
            '["/front"]', '["/predict/x"]', "/predict/x meets /predict of the models",
            "of its own", id="path of the models",
        ),
        pytest.param(
            '"--port={port}"]', '"{port}"]\npaths = ["/front/x"]', "meets", "of its own",
            id="path of another",
        ),
        pytest.param('["/front"]', '["front"]', "'front' is no path", "/orders", id="no path"),
        pytest.param(
            '"--port={port}"]', '"{port}"]\ninstances = 2',
            'line 11: [component.back] instances: it runs as "single", but in 2 instances', "many",
            id="two of a single one",
        ),
        pytest.param(
            '"--port={port}"]', '"{port}"]\nruns = "many"\nmirrorable = true',
            "line 12: [component.back] mirrorable: a copy is a second execution", "idempotent",
            id="copies of what must not happen twice",
        ),
        pytest.param(
            '"--port={port}"]', '"{port}"]\nidempotent = true\nmirrorable = true',
            'it runs as "single", so there is nobody to take a copy', "mirrorable = false",
            id="copies to a single one",
        ),
        pytest.param(
            '"--port={port}"]', '"{port}"]\nidempotent = "yes"', "'yes' is neither",
            "true or false", id="no truth",
        ),
        pytest.param(
            '"--port={port}"]', '"{port}"]\nruns = "twice"', "'twice' is neither", "many",
            id="no way to run",
        ),
        pytest.param(
            '"--port={port}"]', '"{port}"]\ninstances = true', "True does not fit", "from 1",
            id="no number",
        ),
        pytest.param(
            '"--port={port}"]', '"{port}"]\ndatabase = "postgres://me:secret@db/x"',
            "it holds a password", "without it", id="password",
        ),
        pytest.param(
            '"--port={port}"]', '"{port}", "--password", "pa55"]',
            "line 10: [component.back] command: it holds a password", "($NAME)",
            id="password in two words",
        ),
        pytest.param(
            '"--port={port}"]', '"{port}"]\n[[component.back.release_steps]]\nname = "grow"\n'
            'command = ["sh", "-c", "psql postgres://me:pa55@db/x"]',
            "line 13: [component.back] release_steps.0.command.2: it holds a password", "Secret",
            id="password in a step",
        ),
        pytest.param(
            'image = "shop/front:1"', 'image = "https://me:pa55@registry/front:1"',
            "line 5: [component.front] image: it holds a password", "without it",
            id="password in an image",
        ),
        pytest.param(
            '"--port={port}"]', '"{port}"]\nmodel = "price"', "a model has no command",
            "its versions", id="model with a command",
        ),
        pytest.param(
            '"--port={port}"]', '"{port}"]\n[[component.back.release_steps]]\nname = "grow"',
            "line 11: [component.back] release_steps.0: it has no command", "program",
            id="step without a command",
        ),
        pytest.param(
            '"--port={port}"]', '"{port}"]\n[[component.back.release_steps]]\nname = "grow"\n'
            'command = ["grow"]\nwithin = 0',
            "line 14: [component.back] release_steps.0.within: 0 does not fit",
            "from 1 to 86400", id="step without time",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_line_and_what_is_right(
    line: str, instead: str, said: str, right: str
) -> None:
    """Nobody has to guess where the mistake is, or what would be no mistake."""
    text = TWO.replace(line, instead, 1)
    assert text != TWO

    with pytest.raises(BadInput) as refused:
        parsed(text)

    assert said in refused.value.message
    assert right in refused.value.hint
    assert "pa55" not in str(refused.value)


def test_release_steps_say_whether_they_can_be_taken_back() -> None:
    """A step that says nothing counts as one that cannot."""
    steps = """
    [[component.back.release_steps]]
    name = "add-column"
    command = ["migrate", "{version}"]
    reversible = true
    within = 3600

    [[component.back.release_steps]]
    name = "drop-column"
    command = ["migrate", "--drop"]
    """
    found = parsed(TWO + steps).component("back").release_steps

    assert [(step.name, step.reversible, step.within) for step in found] == [
        ("add-column", True, 3600),
        ("drop-column", False, 600),
    ]


def test_the_digest_is_of_what_is_said_not_of_how() -> None:
    """A comment or another order of keys is the same application, another word is not."""
    commented = TWO.replace("[application]", "# ours\n[application]")

    assert parsed(commented).digest == parsed().digest
    assert parsed(TWO.replace("front:1", "front:2")).digest != parsed().digest


WORDS = st.text("ab \"'#[]{}=\\\n.", max_size=8)
KEYS = st.from_regex(r"[a-z]{1,3}", fullmatch=True)


def written(value: object) -> st.SearchStrategy[str]:
    """The ways in which TOML lets a text or a list of texts be written."""
    if isinstance(value, list):
        parts = [written(part) for part in value]
        return st.tuples(*parts).flatmap(
            lambda told: st.sampled_from(["[" + ", ".join(told) + "]", _tall(told)])
        )
    text = str(value)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    ways = [f'"{escaped}"', f'"""{escaped}"""']
    if escaped[:1].isalpha():
        ways.append(f'"""{escaped[:1]}\\\n{escaped[1:]}"""')
    if "'" not in text:
        ways.append(f"'''\n{text}'''")
        ways += [f"'{text}'"] if "\n" not in text else []
    return st.sampled_from(ways)


def _tall(told: tuple[str, ...]) -> str:
    return "[  # a list ] of { texts\n" + "".join(f"  {word},\n" for word in told) + "]"


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_every_key_is_found_on_its_line_however_its_neighbours_are_written(
    data: st.DataObject,
) -> None:
    """Quotations, brackets and comments over several lines hide no key and invent none."""
    values = st.one_of(WORDS, st.lists(WORDS, max_size=2))
    told = data.draw(st.dictionaries(KEYS, st.dictionaries(KEYS, values, max_size=2), max_size=2))
    rows: list[str] = []
    lines: dict[tuple[str, ...], int] = {}
    for table, content in told.items():
        lines[(table,)] = len("\n".join(rows).split("\n")) + 1 if rows else 1
        rows.append(f"[{table}]")
        for key, value in content.items():
            lines[(table, key)] = len("\n".join(rows).split("\n")) + 1
            rows.append(f'{key} = {data.draw(written(value))} # = [ "')
    text = "\n".join(rows)
    tomllib.loads(text)
    found = Lines(text)

    assert {path: found.of(*path) for path in lines} == lines
