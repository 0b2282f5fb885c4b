"""What a site asks of a release beyond its cluster, read once from checklist.toml and checked.

What a table does not say is no default: its line of the checklist is then not checked.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo

from rollout.toml_lines import Lines, Path
from rollout.toml_reader import Reader

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TCP, HTTP, POSTGRES = "tcp", "http", "postgres"
WAYS = (TCP, HTTP, POSTGRES)
KEYS = {
    "dependency": ("name", *WAYS),
    "flags": ("config_map", "key", "expected"),
    "window": ("days", "from", "to", "timezone"),
    "freeze": ("from", "to", "why"),
    "on_call": ("name", "until"),
    "records": ("folder", "approvals"),
}
CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
MIDNIGHT = "24:00"
LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HOST = re.compile(rf"(?=.{{1,253}}\Z)(?:{LABEL}(?:\.{LABEL})*\.?|\[[0-9A-Fa-f:.]+\])")
# Beyond it a day has no day after it to be open on.
LAST_YEAR = 9000

Zones = Callable[[str], tzinfo | None]


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something outside that a release needs, and the way (tcp, http, postgres) it is asked."""

    name: str
    way: str
    address: str


@dataclass(frozen=True, slots=True)
class Flags:
    """The variant that each flag must have, in a document of flagd's form in a ConfigMap."""

    config_map: str
    key: str
    expected: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Window:
    """When a release may begin: on `days` from one local time to another, over midnight too.

    A window belongs to the day on which it opens; `closes` is None at the end of that day.
    """

    days: tuple[str, ...]
    opens: time
    closes: time | None
    zone: tzinfo
    zone_name: str


@dataclass(frozen=True, slots=True)
class Freeze:
    """Days, both included, on which nothing is released."""

    first: date
    last: date
    why: str


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who answers when the release goes wrong, and until when."""

    name: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Records:
    """Where a release's record lies (None: where it is usual), and how many must approve."""

    folder: str | None
    approvals: int | None


@dataclass(frozen=True, slots=True)
class Checklist:
    """All that was declared; None where a table is not there."""

    dependencies: tuple[Dependency, ...] = ()
    flags: Flags | None = None
    window: Window | None = None
    freezes: tuple[Freeze, ...] = ()
    on_call: OnCall | None = None
    records: Records | None = None


def parse_checklist(text: str, zones: Zones) -> Checklist:
    """Read a checklist; BadInput names line and key, TOMLDecodeError what is not TOML.

    `zones` knows the time zones by their names.
    """
    reader = Reader(tomllib.loads(text), Lines(text), ())
    reader.known((), tuple(KEYS))
    made = [_dependency(reader, at) for at in _each(reader, "dependency")]
    for index, one in enumerate(made):
        if one.name in [other.name for other in made[:index]]:
            reader.wrong(("dependency", str(index), "name"), f"{one.name!r} stands twice", "once")
    return Checklist(
        dependencies=tuple(made),
        flags=_flags(reader) if reader.has(("flags",)) else None,
        window=_window(reader, zones) if reader.has(("window",)) else None,
        freezes=tuple(_freeze(reader, at) for at in _each(reader, "freeze")),
        on_call=_on_call(reader) if reader.has(("on_call",)) else None,
        records=_records(reader) if reader.has(("records",)) else None,
    )


def _each(reader: Reader, table: str) -> list[Path]:
    """The paths of the entries of an array of tables, whose keys are known ones."""
    paths: list[Path] = [(table, str(n)) for n in range(len(reader.entries((table,))))]
    for at in paths:
        reader.known(at, KEYS[table])
    return paths


def _dependency(reader: Reader, at: Path) -> Dependency:
    name = reader.name((*at, "name"))
    ways = [key for key in reader.keys(at) if key in WAYS]
    if len(ways) != 1:
        reader.wrong(at, f"{name} is asked in {len(ways)} ways", "one of tcp, http, postgres")
    (way,) = ways
    address = reader.needed((*at, way))
    # What does not fit is not repeated: it may hold a password.
    if way == HTTP:
        _require_url(reader, (*at, way), address)
    else:
        host, _, port = address.rpartition(":")
        if not HOST.fullmatch(host) or not _is_port(port):
            reader.wrong((*at, way), "it is no address", '"host:port"')
    return Dependency(name, way, address)


def _require_url(reader: Reader, at: Path, url: str) -> None:
    right = '"https://host/path", with no password and nothing behind a ?'
    host = re.fullmatch(r"https?://([^/?#\s]+)(/[!-~]*)?", url)
    named = host and re.fullmatch(rf"({HOST.pattern})(?::([0-9]+))?", host[1])
    if not named or not _is_port(named[2] or "80") or set(url) & set("?#@"):
        reader.wrong(at, "it is no address that may stand here", right)


def _is_port(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,5}", text) is not None and 0 < int(text) < 65536


def _flags(reader: Reader) -> Flags:
    reader.known(("flags",), KEYS["flags"])
    expected = ("flags", "expected")
    names = reader.keys(expected)
    if not names:
        reader.wrong(expected, "no flag is named", '[flags.expected] limit-orders = "on"')
    return Flags(
        reader.needed(("flags", "config_map")),
        reader.needed(("flags", "key")),
        {name: reader.needed((*expected, name)) for name in names},
    )


def _window(reader: Reader, zones: Zones) -> Window:
    reader.known(("window",), KEYS["window"])
    days = reader.words(("window", "days"))
    if not days or set(days) - set(DAYS):
        reader.wrong(("window", "days"), "they are no days", f"of {', '.join(DAYS)}")
    opens, closes = (reader.needed(("window", key)) for key in ("from", "to"))
    for key, clock in (("from", opens), ("to", closes)):
        if not CLOCK.fullmatch(clock) and (key, clock) != ("to", MIDNIGHT):
            reader.wrong(("window", key), f"{clock[:40]!r} is no time", '"09:00"')
    if opens == closes:
        reader.wrong(("window", "to"), "it closes when it opens", f'"00:00" to "{MIDNIGHT}"')
    name = reader.needed(("window", "timezone"))
    zone = zones(name)
    if zone is None:
        reader.wrong(("window", "timezone"), f"there is no zone {name[:40]!r}", '"UTC"')
    until = None if closes == MIDNIGHT else time.fromisoformat(closes)
    return Window(days, time.fromisoformat(opens), until, zone, name)


def _freeze(reader: Reader, at: Path) -> Freeze:
    first, last = _date(reader, (*at, "from")), _date(reader, (*at, "to"))
    if last < first:
        reader.wrong((*at, "to"), f"{last} is before {first}", "the last day that is frozen")
    return Freeze(first, last, reader.needed((*at, "why")))


def _date(reader: Reader, at: Path) -> date:
    found = reader.value(at)
    if not isinstance(found, date) or isinstance(found, datetime) or found.year > LAST_YEAR:
        reader.wrong(at, f"{str(found)[:40]!r} is no day", "2026-12-24, without quotes")
    return found


def _on_call(reader: Reader) -> OnCall:
    reader.known(("on_call",), KEYS["on_call"])
    return OnCall(reader.needed(("on_call", "name")), reader.moment(("on_call", "until")))


def _records(reader: Reader) -> Records:
    reader.known(("records",), KEYS["records"])
    approvals = ("records", "approvals")
    return Records(
        reader.text(("records", "folder"), None),
        reader.whole(approvals, 1) if reader.has(approvals) else None,
    )
