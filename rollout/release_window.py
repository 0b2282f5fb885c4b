"""Whether a release may begin now, and if not, when it may."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from rollout.checklist import DAYS, Checklist, Freeze, Window
from rollout.checklist_line import Line, Outcome

WINDOW = "window"
DAY = timedelta(days=1)


def window_line(told: Checklist, now: datetime) -> Line:
    """Closed is FAIL, with the next moment at which it is open."""
    window, zone = told.window, told.window.zone if told.window else UTC
    frozen = _frozen(told.freezes, zone, now)
    if frozen is not None:
        said = f"frozen from {frozen.first} to {frozen.last}: {frozen.why}"
        return Line(WINDOW, Outcome.FAIL, said, _next(told, now))
    if window is None:
        who = "whoever plans releases must look; [window] in the checklist declares it"
        return Line(WINDOW, Outcome.NOT_CHECKED, "nobody said when releases may begin", who)
    said = f"{_words(window)}; now it is {_clock(window, now)}"
    for opens, closes in _openings(window, now - DAY):
        if opens <= now < closes:
            until = min([closes, *_frozen_from(told.freezes, zone, now)])
            return Line(WINDOW, Outcome.OK, f"open until {_clock(window, until)}")
    return Line(WINDOW, Outcome.FAIL, f"closed: {said}", _next(told, now))


def _next(told: Checklist, now: datetime) -> str:
    """The first moment, after now or after a freeze, that is in the window and in no freeze."""
    window, zone = told.window, told.window.zone if told.window else UTC
    thaws = [_start(freeze.last + DAY, zone) for freeze in told.freezes]
    bases = [now, *(thaw for thaw in thaws if thaw > now)]
    moments = [opens for base in bases for opens in _open_from(window, base)]
    later = [m for m in moments if m > now and _frozen(told.freezes, zone, m) is None]
    if window is None:
        return f"not before {min(later).astimezone(zone):%Y-%m-%d %H:%M} UTC"
    return f"it opens {_clock(window, min(later))}"


def _open_from(window: Window | None, base: datetime) -> Iterator[datetime]:
    """The moment itself if it is in the window, and when that opens in the week after it."""
    if window is None:
        yield base
        return
    for opens, closes in _openings(window, base - DAY):
        if closes > base:
            yield max(opens, base)


def _openings(window: Window, since: datetime) -> Iterator[tuple[datetime, datetime]]:
    """When it opens and closes on each of its days, for more than a week from a moment on."""
    first = since.astimezone(window.zone).date()
    for number in range(10):
        day = first + number * DAY
        if DAYS[day.weekday()] not in window.days:
            continue
        opens = datetime.combine(day, window.opens, window.zone)
        if window.closes is None:
            closes = _start(day + DAY, window.zone)
        else:
            ends = day if window.closes > window.opens else day + DAY
            closes = datetime.combine(ends, window.closes, window.zone)
        # Of two moments in one zone Python compares the clocks, which a change of clocks confuses.
        span = opens.astimezone(UTC), closes.astimezone(UTC)
        # An hour that a change of clocks leaves out is no window.
        if span[0] < span[1]:
            yield span


def _frozen(freezes: Sequence[Freeze], zone: tzinfo, at: datetime) -> Freeze | None:
    day = at.astimezone(zone).date()
    return next((one for one in freezes if one.first <= day <= one.last), None)


def _frozen_from(freezes: Sequence[Freeze], zone: tzinfo, now: datetime) -> list[datetime]:
    begin = [_start(one.first, zone) for one in freezes]
    return [moment for moment in begin if moment > now]


def _start(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _words(window: Window) -> str:
    closes = f"{window.closes:%H:%M}" if window.closes else "24:00"
    return f"{', '.join(window.days)} from {window.opens:%H:%M} to {closes} {window.zone_name}"


def _clock(window: Window, at: datetime) -> str:
    return f"{at.astimezone(window.zone):%a %Y-%m-%d %H:%M} {window.zone_name}"
