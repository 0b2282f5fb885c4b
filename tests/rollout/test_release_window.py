"""Whether a release may begin now: never outside of its window or in a freeze."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.checklist import DAYS, Checklist, parse_checklist
from rollout.checklist_line import Outcome
from rollout.release_window import window_line

OFFICE = ("mon tue wed thu fri", "09:00", "17:00", "UTC")
NIGHT = ("fri", "22:00", "06:00", "UTC")
BERLIN = ("sun", "01:00", "04:00", "Europe/Berlin")
# On 2026-10-04 its clocks go from 02:00 to 02:30.
HOWE = ("sun", "02:05", "02:35", "Australia/Lord_Howe")
WHOLE_DAY = ("sat", "00:00", "24:00", "UTC")
FREEZE = '[[freeze]]\nfrom = 2026-12-24\nto = 2026-12-27\nwhy = "holidays"\n'

Told = tuple[str, str, str, str]


def declared(told: Told | None, freezes: str = "") -> Checklist:
    """A checklist with this window."""
    window = ""
    if told is not None:
        days, opens, closes, zone = told
        window = f"[window]\ndays = {days.split()}\nfrom = '{opens}'\nto = '{closes}'\n"
        window += f"timezone = '{zone}'\n"
    return parse_checklist(window + freezes, ZoneInfo)


@pytest.mark.parametrize(
    ("told", "now", "outcome", "words"),
    [
        (OFFICE, "2026-11-30 09:00", Outcome.OK, "open until Mon 2026-11-30 17:00 UTC"),
        (OFFICE, "2026-11-30 16:59", Outcome.OK, "open until Mon 2026-11-30 17:00 UTC"),
        (OFFICE, "2026-11-30 17:00", Outcome.FAIL, "it opens Tue 2026-12-01 09:00 UTC"),
        (OFFICE, "2026-11-30 08:59", Outcome.FAIL, "it opens Mon 2026-11-30 09:00 UTC"),
        (OFFICE, "2026-11-28 12:00", Outcome.FAIL, "it opens Mon 2026-11-30 09:00 UTC"),
        (NIGHT, "2026-11-27 23:00", Outcome.OK, "open until Sat 2026-11-28 06:00 UTC"),
        (NIGHT, "2026-11-28 05:59", Outcome.OK, "open until Sat 2026-11-28 06:00 UTC"),
        (NIGHT, "2026-11-28 06:00", Outcome.FAIL, "it opens Fri 2026-12-04 22:00 UTC"),
        (NIGHT, "2026-11-27 05:00", Outcome.FAIL, "it opens Fri 2026-11-27 22:00 UTC"),
        (WHOLE_DAY, "2026-11-28 23:59", Outcome.OK, "open until Sun 2026-11-29 00:00 UTC"),
        (WHOLE_DAY, "2026-11-29 00:00", Outcome.FAIL, "it opens Sat 2026-12-05 00:00 UTC"),
        (
            HOWE,
            "2026-10-03 15:00",
            Outcome.FAIL,
            "opens Sun 2026-10-11 02:05 Aus",
        ),
        # At 01:00 UTC the clocks of Berlin go back from 03:00 to 02:00: the window is an hour more.
        (BERLIN, "2026-10-25 02:30", Outcome.OK, "open until Sun 2026-10-25 04:00 Europe/Berlin"),
        (BERLIN, "2026-10-25 03:00", Outcome.FAIL, "it opens Sun 2026-11-01 01:00 Europe/Berlin"),
        (BERLIN, "2026-10-24 22:59", Outcome.FAIL, "it opens Sun 2026-10-25 01:00 Europe/Berlin"),
    ],
)
def test_a_window_is_open_from_its_first_minute_to_before_its_last(
    told: Told, now: str, outcome: Outcome, words: str
) -> None:
    """By the clock of its zone; closed, it says when it opens next."""
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)

    line = window_line(declared(told), at)

    assert (line.name, line.outcome) == ("window", outcome)
    assert words in (line.evidence if outcome is Outcome.OK else line.remedy)


@pytest.mark.parametrize(
    ("told", "now", "words"),
    [
        (OFFICE, "2026-12-24 10:00", "it opens Mon 2026-12-28 09:00 UTC"),
        (NIGHT, "2026-12-25 23:00", "it opens Fri 2027-01-01 22:00 UTC"),
        (WHOLE_DAY, "2026-12-27 23:00", "it opens Sat 2027-01-02 00:00 UTC"),
        (("sun", "22:00", "06:00", "UTC"), "2026-12-27 23:00", "it opens Mon 2026-12-28 00:00 UTC"),
        (None, "2026-12-24 10:00", "not before 2026-12-28 00:00 UTC"),
    ],
    ids=["after the freeze", "a week later", "its next day", "the rest of a night", "no window"],
)
def test_a_freeze_closes_every_window(told: Told | None, now: str, words: str) -> None:
    """With its reason, and the first moment that is in the window and not frozen."""
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)

    line = window_line(declared(told, FREEZE), at)

    assert line.outcome is Outcome.FAIL
    assert line.evidence == "frozen from 2026-12-24 to 2026-12-27: holidays"
    assert line.remedy == words


def test_an_open_window_ends_where_a_freeze_begins() -> None:
    """Also in the middle of a night."""
    told = declared(("wed", "22:00", "06:00", "UTC"), FREEZE)

    line = window_line(told, datetime(2026, 12, 23, 23, tzinfo=UTC))

    assert (line.outcome, line.evidence) == (Outcome.OK, "open until Thu 2026-12-24 00:00 UTC")


def test_a_freeze_after_another_is_not_overlooked() -> None:
    """Nor are those that meet or overlap."""
    more = '[[freeze]]\nfrom = 2026-12-27\nto = 2027-01-31\nwhy = "year end"\n'

    line = window_line(declared(OFFICE, FREEZE + more), datetime(2026, 12, 24, tzinfo=UTC))

    assert line.remedy == "it opens Mon 2027-02-01 09:00 UTC"


def test_without_a_window_somebody_must_look() -> None:
    """Nothing declared is not open, and a freeze that is over says nothing."""
    for freezes in ("", FREEZE):
        line = window_line(declared(None, freezes), datetime(2026, 12, 29, tzinfo=UTC))
        assert line.outcome is Outcome.NOT_CHECKED
        assert "[window]" in line.remedy


@given(
    st.sets(st.sampled_from(DAYS), min_size=1),
    st.tuples(st.integers(0, 1439), st.integers(0, 1439)).filter(lambda told: told[0] != told[1]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),
)
def test_when_it_opens_next_it_is_open_and_was_not_before(
    days: set[str], minutes: tuple[int, int], zone: str, now: datetime
) -> None:
    """Whatever the window and the clock, also where clocks change."""
    opens, closes = (f"{at // 60:02}:{at % 60:02}" for at in minutes)
    told, at = declared((" ".join(days), opens, closes, zone)), now.replace(tzinfo=UTC)
    line = window_line(told, at)
    if line.outcome is Outcome.OK:
        return

    day, clock = line.remedy.split()[3:5]
    opening = datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=ZoneInfo(zone))
    wait = opening.astimezone(UTC) - at

    assert wait > timedelta(0)
    assert window_line(told, at + wait).outcome is Outcome.OK
    for share in range(50):
        assert window_line(told, at + wait * share / 50).outcome is Outcome.FAIL
