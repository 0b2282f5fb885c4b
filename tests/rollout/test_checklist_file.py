"""The checklist of a site: what it declares is kept, what does not fit is refused by line."""

import tomllib
from contextlib import suppress
from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import BadInput
from benchmarks.fuzz_words import broken
from rollout.checklist import Checklist, Dependency, Freeze, OnCall, Records, parse_checklist

WHOLE = """\
[[dependency]]
name = "orders-db"
postgres = "db.example:5432"

[[dependency]]
name = "prices"
http = "https://prices.example/healthz"

[flags]
config_map = "flags"
key = "flags.json"

[flags.expected]
limit-orders = "on"

[window]
days = ["mon", "tue"]
from = "09:00"
to = "17:00"
timezone = "UTC"

[[freeze]]
from = 2026-12-24
to = 2026-12-26
why = "holidays"

[on_call]
name = "ann"
until = 2026-12-01T09:00:00Z

[records]
folder = "records"
approvals = 2
"""


def parsed(text: str = WHOLE) -> Checklist:
    """The checklist that a text describes, where UTC is the only zone."""
    return parse_checklist(text, {"UTC": UTC}.get)


def test_all_that_is_declared_is_kept() -> None:
    """Each table has its own place."""
    told = parsed()

    assert told.dependencies == (
        Dependency("orders-db", "postgres", "db.example:5432"),
        Dependency("prices", "http", "https://prices.example/healthz"),
    )
    assert told.flags is not None
    assert (told.flags.config_map, told.flags.key) == ("flags", "flags.json")
    assert told.flags.expected == {"limit-orders": "on"}
    assert told.window is not None
    assert (told.window.days, told.window.opens, told.window.closes) == (
        ("mon", "tue"), time(9), time(17),
    )  # fmt: skip
    assert told.freezes == (Freeze(date(2026, 12, 24), date(2026, 12, 26), "holidays"),)
    assert told.on_call == OnCall("ann", datetime(2026, 12, 1, 9, tzinfo=UTC))
    assert told.records == Records("records", 2)


def test_what_is_not_declared_has_no_default() -> None:
    """Of a table that is not there nothing is assumed, and of approvals no number."""
    assert parsed("") == Checklist()
    assert parsed("[records]\n").records == Records(None, None)


PLACES = [
    ("[flags]", "[flag]", "line 9: flag: there is no key", "dependency"),
    ("approvals = 2", "approval = 2", "line 33: records.approval: there is no key", "approvals"),
    ("approvals = 2", "approvals = 0", "line 33: records.approvals: 0 does not fit", "from 1"),
    ('folder = "records"', "folder = 1", "line 32: records.folder: '1' is no text", "..."),
    ("[window]", "[[window]]", "line 16: window: ", "[window]"),
    ("[[freeze]]", "[freeze]", "line 22: freeze: ", "["),
    ('"mon", "tue"', '"mo"', "line 17: window.days: they are no days", "mon, tue"),
    ('"mon", "tue"', "", "line 17: window.days: they are no days", "mon, tue"),
    ('"mon", "tue"', '"mon", "mon"', "line 17: window.days: an entry stands twice", "once"),
    ('from = "09:00"', 'from = "9:00"', "line 18: window.from: '9:00' is no time", "09:00"),
    ('from = "09:00"', 'from = "24:00"', "line 18: window.from: '24:00' is no time", "09:00"),
    ('to = "17:00"', 'to = "17:60"', "line 19: window.to: '17:60' is no time", "09:00"),
    ('to = "17:00"', 'to = "09:00"', "line 19: window.to: it closes when it opens", "24:00"),
    ('to = "17:00"', "to = 17:00:00", "line 19: window.to: '17:00:00' is no text", "..."),
    ('"UTC"', '"Moon/Base"', "line 20: window.timezone: there is no zone 'Moon/Base'", "UTC"),
    ('timezone = "UTC"', "", "line 16: window.timezone: it is missing", "..."),
    ("from = 2026-12-24", 'from = "2026-12-24"', "line 23: freeze.0.from: ", "without quotes"),
    ("from = 2026-12-24", "from = 2026-12-27", "line 24: freeze.0.to: 2026-12-26 is", "last"),
    ("to = 2026-12-26", "to = 9999-12-31", "line 24: freeze.0.to: '9999-12-31' is no day", "2026"),
    ('why = "holidays"', "", "line 22: freeze.0.why: it is missing", "..."),
    ("T09:00:00Z", "T09:00:00", "line 29: on_call.until: '2026-12-01 09:00:00' is no", "offset"),
    ('name = "ann"', 'name = " "', "line 28: on_call.name: it is missing", "..."),
    ('limit-orders = "on"', "limit-orders = true", "line 14: flags.expected.limit-orders: ", "..."),
    ('limit-orders = "on"', "", "line 13: flags.expected: no flag is named", "limit-orders"),
    ('name = "prices"', 'name = "orders-db"', "line 6: dependency.1.name: 'orders-db' st", "on"),
    ('name = "prices"', 'name = "Prices"', "line 6: dependency.1.name: 'Prices' is no name", "low"),
    ('name = "prices"', 'name = "prices"\ntcp = "a:1"', "dependency.1: prices is asked in", "one"),
    ('postgres = "db.example:5432"', "", "line 1: dependency.0: orders-db is asked in 0", "one of"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "instead", "said", "right"),
    [pytest.param(*place, id=f"{place[0]} -> {place[1]}") for place in PLACES],
)
def test_what_does_not_fit_is_refused_with_its_line_and_what_is_right(
    line: str, instead: str, said: str, right: str
) -> None:
    """Nobody has to guess where the mistake is, or what would be no mistake."""
    text = WHOLE.replace(line, instead, 1)
    assert text != WHOLE

    with pytest.raises(BadInput) as refused:
        parsed(text)

    assert said in refused.value.message
    assert right in refused.value.hint


@pytest.mark.parametrize(
    "told",
    [
        'http = "https://ann:hunter2@prices.example/"',
        'http = "https://hunter2@prices.example/"',
        'http = "https://prices.example/?password=hunter2"',
        'http = "https://prices.example/#hunter2"',
        'http = "ftp://hunter2/"',
        'http = "https:///hunter2"',
        'http = "https://prices.example:99999/hunter2"',
        'http = "https://prices.example/hun ter2"',
        'postgres = "postgres://ann:hunter2@db:5432"',
        'postgres = "ann:hunter2@db:5432"',
        'tcp = "hunter2"',
        'tcp = "hunter2:0"',
        'tcp = ":5432"',
        'tcp = "hunter2:65536"',
    ],
)
def test_an_address_that_may_hold_a_password_is_refused_and_not_repeated(told: str) -> None:
    """Whatever does not fit may be one, so no message shows it."""
    with pytest.raises(BadInput) as refused:
        parsed(f'[[dependency]]\nname = "db"\n{told}\n')

    assert "line 3: dependency.0." in refused.value.message
    assert "hunter2" not in refused.value.message + refused.value.hint


@pytest.mark.parametrize(
    "told",
    [
        'tcp = "db:1"',
        'tcp = "127.0.0.1:65535"',
        'postgres = "[::1]:5432"',
        'http = "http://127.0.0.1:8080"',
        'http = "https://prices.example:443/v1/healthz"',
    ],
)
def test_an_address_that_fits_is_kept_as_it_is(told: str) -> None:
    """Names, addresses of both kinds, with the port where one belongs."""
    (one,) = parsed(f'[[dependency]]\nname = "db"\n{told}\n').dependencies

    assert told == f'{one.way} = "{one.address}"'


@given(broken(WHOLE.encode()))
@settings(max_examples=300)
def test_whatever_bytes_it_has_it_is_read_or_refused(content: bytes) -> None:
    """No mistake in the file ends in anything but a sentence about it."""
    with suppress(BadInput, tomllib.TOMLDecodeError, RecursionError):
        assert isinstance(parsed(content.decode("utf-8", "replace")), Checklist)


ODD = (
    *("1", "-1", "0", "1.5", "nan", "true", '""', '" "', '"x"', "[]", "[1]", '["x"]', "[[]]"),
    *("{}", "{ a = 1 }", "[{ a = 1 }]", "2026-01-01", "09:00:00", "2026-01-01T09:00:00"),
)
LINES = WHOLE.splitlines()


@given(st.sampled_from([line for line in LINES if "=" in line]), st.sampled_from(ODD))
def test_whatever_value_a_key_has_it_is_read_or_refused_with_its_line(line: str, odd: str) -> None:
    """Of any type that TOML has, where another one belongs."""
    key, number = line.partition(" = ")[0], LINES.index(line) + 1
    text = "\n".join(f"{key} = {odd}" if one == line else one for one in LINES)
    try:
        parsed(text)
    except BadInput as refused:
        said = refused.message
    else:
        return
    assert said.startswith((f"line {number}: ", f"line {number - 1}: "))


def test_the_tables_themselves_may_be_of_no_other_type() -> None:
    """A key in the place of a table is refused as one."""
    for table in ("dependency", "flags", "window", "freeze", "on_call", "records"):
        for odd in ODD:
            if odd in ("[]", "{}"):
                continue
            with pytest.raises(BadInput, match=f"^line 1: {table}"):
                parsed(f"{table} = {odd}")
