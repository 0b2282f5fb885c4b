"""Commands that an error advises go to the namespace that the command itself went to."""

import shlex

import pytest

from flows.cli import parser, where
from flows.refusal import Refused

WAY = " --namespace shop"
HINTS = {
    "one command": ("pincex resume price", "pincex resume --namespace shop price"),
    "two commands": (
        "pincex resume price follows it; pincex rollback-model price ends it",
        "pincex resume --namespace shop price follows it; "
        "pincex rollback-model --namespace shop price ends it",
    ),
    "a file is judged anywhere": ("pincex judge pairs.parquet", "pincex judge pairs.parquet"),
    "said already": ("pincex status --namespace shop", "pincex status --namespace shop"),
    "no command": ("name a readable file", "name a readable file"),
}


@pytest.mark.parametrize(("hint", "led"), HINTS.values(), ids=HINTS.keys())
def test_a_hint_leads_to_the_namespace(hint: str, led: str) -> None:
    """Each command of it, once; what needs no site stays as it is."""
    assert Refused("wrong", hint=hint).at(WAY).hint == led


def test_on_the_local_site_a_hint_stays_as_it_is() -> None:
    """Nothing was named, so nothing is added."""
    assert Refused("wrong", hint="pincex status").at("").hint == "pincex status"


def test_what_a_hint_adds_can_be_typed() -> None:
    """The options are those that were given, in the words that the parser knows."""
    given = ["promote-model", "price", "--namespace", "shop", "--context", "eu"]
    told = where(parser().parse_args(given))
    hint = Refused("wrong", hint="pincex resume price").at(told).hint

    again = parser().parse_args(hint.split()[1:])
    assert (again.verb, again.name, again.namespace, again.context) == (
        "resume", "price", "shop", "eu",
    )  # fmt: skip


def test_what_a_hint_adds_can_be_pasted() -> None:
    """A path keeps its spaces and signs in the shell that reads it."""
    given = ["promote-model", "price", "--namespace", "shop", "--kubeconfig", "/a b/'$(x)/c"]
    told = where(parser().parse_args(given))
    hint = Refused("wrong", hint="pincex resume price").at(told).hint

    assert parser().parse_args(shlex.split(hint)[1:]).kubeconfig == "/a b/'$(x)/c"
