"""Flags in a ConfigMap: each has the variant that a release expects, or a line that says not."""

import json

import pytest
from scripted_api import Told, serving, status

from cluster.kubernetes.api import Api
from cluster.kubernetes.flags import flag_lines
from rollout.checklist import Flags
from rollout.checklist_line import Line, Outcome

ASKED = Flags("flags", "flags.json", {"limit-orders": "on"})
FLAG = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}


def told(document: object) -> Told:
    """The ConfigMap as the API server gives it, with this document."""
    text = document if isinstance(document, str) else json.dumps(document)
    return Told(200, {"metadata": {"name": "flags"}, "data": {"flags.json": text}})


def lines(answer: Told) -> list[Line]:
    """What is said where the API server answers this."""
    with serving(answer) as (access, _):
        return flag_lines(Api(access), ASKED)


@pytest.mark.parametrize(
    ("flag", "outcome", "words"),
    [
        (FLAG, Outcome.OK, "it is on"),
        ({**FLAG, "targeting": {"if": []}}, Outcome.OK, "its targeting, which may give others"),
        ({**FLAG, "defaultVariant": "off"}, Outcome.FAIL, "it is off, not on"),
        ({**FLAG, "state": "DISABLED"}, Outcome.FAIL, "its state is DISABLED"),
        ({"defaultVariant": "on"}, Outcome.FAIL, "its state is None"),
        ({"state": "ENABLED"}, Outcome.FAIL, "it is None, not on"),
        (None, Outcome.FAIL, "there is no such flag"),
    ],
    ids=["as expected", "targeted", "another", "disabled", "no state", "no variant", "missing"],
)
def test_a_flag_is_at_its_expected_variant_or_fails(
    flag: object, outcome: Outcome, words: str
) -> None:
    """Only what is there and enabled counts."""
    document = {"flags": {} if flag is None else {"limit-orders": flag}}

    (line,) = lines(told(document))

    assert (line.name, line.outcome) == ("flag limit-orders", outcome)
    assert words in line.evidence


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Told(404, status(404, "NotFound", "no such thing")), "there is no key flags.json"),
        (Told(200, {"metadata": {}}), "there is no key flags.json of ConfigMap flags"),
        (told("not JSON"), "is not of flagd's form"),
        (told([]), "is not of flagd's form"),
        (told({"flags": {"limit-orders": True}}), "is not of flagd's form"),
    ],
    ids=["no ConfigMap", "no key", "no JSON", "no object", "no flag"],
)
def test_flags_that_cannot_be_read_fail_as_a_whole(answer: Told, words: str) -> None:
    """None of them is taken for what it should be."""
    (line,) = lines(answer)

    assert (line.name, line.outcome) == ("flags", Outcome.FAIL)
    assert words in line.evidence
