"""What the fuzzing puts where something sensible belongs: values, words and broken bytes."""

import json
from typing import Any

from hypothesis import strategies as st

LONG = "n" * 5_000
HUGE = 10**400
DEEP = 3_000

NO_NUMBERS: tuple[Any, ...] = (True, "", "text", "1", [], [1.0], {}, {"a": 1}, "∞", "\x7f")
WRONG_NUMBERS: tuple[Any, ...] = (
    *(-1, -0.5, float("nan"), float("inf"), float("-inf")),
    *(HUGE, -HUGE, 1e308, 2**63, 2**64, -(2**63) - 1),
)
ANYTHING: tuple[Any, ...] = (*NO_NUMBERS, *WRONG_NUMBERS, None, 0, 0.0, -0.0, 1, 1e-320, LONG)

NO_NAMES = (
    *("", " ", ".", "..", "../..", "/", "/tmp", "a/b", "a--b", "-", "a b", "price\n", "p:q"),
    *(
        "é",
        "price\u202e",
        "\udcff",
        "\udcff\udcfe",
        "a'b",
        'a"b',
        "a%b",
        "a\\b",
        "💥",
        LONG,
        "n" * 64,
    ),
)
"""Words that can name no model; those with a surrogate are how Python shows bytes of argv."""

NO_RELEASES = (*NO_NAMES, "latest", "7", "v2", "v2.", "champion", "v1..0", "V1.0", "v1.0 ", "1,0")
NO_FILES = (
    *("", " ", "none", "none/none", "policy.toml/none", "\udcff", "é.none", "none\nnone", LONG),
    *("/dev/null/none", "https://ann:pw@example.invalid/none", "~none", "*", "%00", "💥"),
)
NO_FLOATS = ("", "half", "1,5", "0x10", "--", "١٢ %", "1e", "\udcff", "none", "1/2", "[1]", LONG)
ODD_OPTIONS = ("--nonsense", "--Json", "-x", "--=", "---", "-1x", "--é", "--\udcff", "--no-json")


@st.composite
def broken(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes near `content`: cut, flipped, doubled, with strange bytes in between, or none of it."""
    if not content:
        return draw(st.binary(max_size=40))
    at = draw(st.integers(0, len(content) - 1))
    to = draw(st.integers(at, min(len(content), at + 200)))
    strange = draw(
        st.sampled_from((b"\0", b"\xff", b"\xed\xa0\x80", b"\n", b"\r", b'"', b"[" * DEEP, b"{"))
        | st.binary(min_size=1, max_size=8)
    )
    flipped = bytes([content[at] ^ draw(st.integers(1, 255))])
    return draw(
        st.sampled_from(
            (
                content[:at],
                content[at:],
                content[:at] + flipped + content[at + 1 :],
                content[:at] + strange + content[at:],
                content[:at] + strange + content[at + 1 :],
                content[:at] + content[to:],
                content[:to] + content[at:],
                b"\xef\xbb\xbf" + content,
                strange,
                b"",
            )
        )
    )


def json_of(value: Any) -> str:
    """JSON as careless writers print it: NaN and Infinity, surrogates as escapes."""
    return json.dumps(value, allow_nan=True)


def toml_of(table: dict[str, Any]) -> str:
    """TOML of nested tables; every key quoted."""
    return "\n".join([*_toml_lines(table, ())]) + "\n"


def _toml_lines(table: dict[str, Any], above: tuple[str, ...]) -> Any:
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    if above:
        yield f"[{'.'.join(json_of(key) for key in above)}]"
    for key, value in plain.items():
        yield f"{json_of(key)} = {toml_value(value)}"
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _toml_lines(value, (*above, key))


def toml_value(value: Any) -> str:
    """One value; TOML has no null, so it is an empty text."""
    match value:
        case None:
            return '""'
        case bool() | str():
            return json_of(value)
        case float():
            return {"nan": "nan", "inf": "inf", "-inf": "-inf"}.get(str(value), repr(value))
        case int():
            return str(value)
        case list():
            return f"[{', '.join(toml_value(item) for item in value)}]"
        case dict():
            inside = ", ".join(f"{json_of(key)} = {toml_value(v)}" for key, v in value.items())
            return f"{{{inside}}}"
        case _:
            raise TypeError(type(value).__name__)
