"""What was recorded of a release: nothing of it is believed that is not there, or of another."""

from datetime import UTC, datetime

import pytest

from analysis import BadInput
from rollout.checklist import Checklist, OnCall, Records
from rollout.checklist_line import Outcome
from rollout.release_record import on_call_line, parse_record, record_lines

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
TWO = Records(None, 2)
WHOLE = """\
release = "v2.1.0"
approved_by = ["ada", "ben"]

[tests]
passed = true
where = "run 812"
at = 2026-11-30T09:30:00Z

[scans]
passed = true
where = "report 77"
at = 2026-11-30T11:00:00+01:00
"""


def lines(text: str | None, told: Records | None = TWO) -> dict[str, tuple[Outcome, str, str]]:
    """Outcome, evidence and remedy of each line about a release's record."""
    record = None if text is None else parse_record(text)
    found = record_lines(told, record, "v2.1.0", "releases/v2.1.0.toml", NOW)
    return {line.name: (line.outcome, line.evidence, line.remedy) for line in found}


def test_a_whole_record_is_ok_in_every_line() -> None:
    """With who, where and when."""
    assert lines(WHOLE) == {
        "approvals": (Outcome.OK, "2 approved it: ada, ben", ""),
        "tests": (Outcome.OK, "passed: at 2026-11-30 09:30 UTC, run 812", ""),
        "scans": (Outcome.OK, "passed: at 2026-11-30 11:00 UTC+01:00, report 77", ""),
    }


@pytest.mark.parametrize(
    ("line", "instead", "name", "words"),
    [
        ('["ada", "ben"]', '["ada"]', "approvals", "1 approved it: ada, 2 must"),
        ('["ada", "ben"]', '["ada", " Ada "]', "approvals", "1 approved it: Ada, 2 must"),
        ('["ada", "ben"]', '["ada", " "]', "approvals", "1 approved it: ada, 2 must"),
        ('approved_by = ["ada", "ben"]', "", "approvals", "0 approved it, 2 must"),
        ("passed = true", "passed = false", "tests", "did not pass: at 2026-11-30 09:30 UTC"),
        ("09:30:00Z", "12:00:01Z", "tests", "are said to have passed in the future"),
        (WHOLE[WHOLE.index("[scans]") :], "", "scans", "nothing is recorded of them"),
    ],
    ids=["one", "the same twice", "nobody", "none", "failed", "in the future", "no scans"],
)
def test_what_is_missing_or_failed_is_the_one_line_that_fails(
    line: str, instead: str, name: str, words: str
) -> None:
    """The other lines are not touched by it."""
    assert line in WHOLE
    found = lines(WHOLE.replace(line, instead, 1))

    assert {key for key, (outcome, _, _) in found.items() if outcome is Outcome.FAIL} == {name}
    assert words in found[name][1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "nothing is recorded: there is no releases/v2.1.0.toml"),
        (WHOLE.replace("v2.1.0", "v2.0.0"), "is the record of v2.0.0, not of v2.1.0"),
    ],
    ids=["no record", "a copied one"],
)
def test_no_record_of_this_release_proves_nothing(text: str | None, words: str) -> None:
    """Every line of it fails."""
    found = lines(text)

    assert {outcome for outcome, _, _ in found.values()} == {Outcome.FAIL}
    assert all(words in evidence for _, evidence, _ in found.values())


def test_what_the_checklist_does_not_declare_somebody_must_look_at() -> None:
    """Also the number of approvals, without which none is enough; nothing has a default."""
    assert {outcome for outcome, _, _ in lines(None, None).values()} == {Outcome.NOT_CHECKED}
    assert all("[records]" in remedy for _, _, remedy in lines(WHOLE, None).values())
    found = lines(WHOLE, Records(None, None))
    assert found["approvals"][0] is Outcome.NOT_CHECKED
    assert found["tests"][0] is Outcome.OK


@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        ('release = "v2.1.0"', "", "line 1: release: it is missing"),
        ('["ada", "ben"]', '"ada"', "line 2: approved_by: 'ada' is no list"),
        ('["ada", "ben"]', '["ada", "ada"]', "line 2: approved_by: an entry stands twice"),
        ("passed = true", "", "line 4: tests.passed: it is missing"),
        ("passed = true", 'passed = "yes"', "line 5: tests.passed: 'yes' is neither"),
        ('where = "run 812"', "", "line 4: tests.where: it is missing"),
        ("at = 2026-11-30T09:30:00Z", "at = 2026-11-30", "line 7: tests.at: '2026-11-30' is no"),
        ("[scans]", "[scan]", "line 9: scan: there is no key 'scan'"),
    ],
)
def test_a_record_that_cannot_be_read_is_refused_with_its_line(
    line: str, instead: str, said: str
) -> None:
    """It is not taken for one that proves nothing."""
    with pytest.raises(BadInput) as refused:
        parse_record(WHOLE.replace(line, instead, 1))

    assert said in refused.value.message


@pytest.mark.parametrize(
    ("until", "outcome"),
    [
        ("2026-11-30T12:00:01+00:00", Outcome.OK),
        ("2026-11-30T12:00:00+00:00", Outcome.FAIL),
        ("2026-11-30T13:00:00+01:00", Outcome.FAIL),
        (None, Outcome.NOT_CHECKED),
    ],
)
def test_somebody_is_on_call_until_a_moment(until: str | None, outcome: Outcome) -> None:
    """From then on nobody is; where nobody was named, somebody must look."""
    duty = OnCall("ann", datetime.fromisoformat(until)) if until else None

    assert on_call_line(Checklist(on_call=duty), NOW).outcome is outcome
