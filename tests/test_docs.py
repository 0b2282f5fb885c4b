"""The documents against the product: numbers, verbs, commands, exit codes, links, words."""

import re
import shlex
import tomllib
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from flows.cli import VERBS, parser
from flows.refusal import Exit, Refused
from rollout.checklist import parse_checklist
from rollout.release_record import parse_record

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "RUNBOOK.md", "CHANGELOG.md")
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))
EXPLAINED = sorted((ROOT / "docs").rglob("*.md"))
STATISTICS = ROOT / "docs/statistics.md"
PLACES = {path.name: path for path in EXPLAINED}
PLACES |= {name: ROOT / name for name in DOCUMENTS}
TEXTS = {name: path.read_text() for name, path in PLACES.items()}
RUNBOOK = TEXTS["RUNBOOK.md"]

# The verbs that the runbook of the house names; those that are not built are listed as such.
NAMED_BY_THE_RUNBOOK = {
    "validate", "backup-config", "restore-config", "deploy", "status", "report", "rollback",
    "deploy-model", "promote-model", "rollback-model", "model-status", "toggle-feature",
    "deploy-multiregion", "region", "test-pipeline", "diagnose", "maintenance",
    "backup-database", "restore-database", "up", "down", "serve", "demo", "register-model",
    "labels", "judge", "calibrate", "plan", "verify", "resume", "history",
}  # fmt: skip

# Those among them that the original has as scripts, with what each can be told.
OF_THE_ORIGINAL = {
    "validate", "backup-config", "restore-config", "deploy", "status", "report", "rollback",
    "deploy-model NAME VERSION", "promote-model NAME", "rollback-model NAME", "model-status NAME",
    "toggle-feature NAME PERCENT", "toggle-feature NAME true", "toggle-feature NAME false",
    "deploy-multiregion", "region deploy REGION", "region health-check REGION",
    "region rollback REGION", "test-pipeline", "diagnose", "maintenance on", "maintenance off",
    "backup-database", "restore-database",
}  # fmt: skip

UNITS = {
    "": 1.0, "%": 0.01, "points": 0.01, "ms": 1.0, "s": 1.0, "pairs": 1.0, "requests": 1.0,
    "copies/s": 1.0, "requests/s": 1.0, "blocks": 1.0, "processes": 1.0, "minutes": 1.0,
    "checks": 1.0,
}  # fmt: skip
COLUMNS = ("metric", "tolerance", "margin", "weight", "segments", "blocking")


def section(text: str, title: str) -> str:
    """The part under a heading, up to the next heading of the same or a higher level."""
    head = re.search(rf"^(#+) {re.escape(title)}\n", text, re.M)
    assert head, f"no section {title!r}"
    return re.split(rf"^#{{1,{len(head[1])}}} ", text[head.end() :], maxsplit=1, flags=re.M)[0]


def tables(text: str) -> Iterator[list[dict[str, str]]]:
    """Every table as rows by the names of its columns, without the backticks."""
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.M):
        lines = [
            [cell.strip().replace("`", "") for cell in line.strip("|\n").split("|")]
            for line in block.splitlines(keepends=True)
        ]
        yield [dict(zip(lines[0], line, strict=True)) for line in lines[2:]]


def numbers(text: str) -> dict[str, object]:
    """Key -> value as a policy file would hold it, from the tables of gates and of keys."""
    found: dict[str, object] = {}
    for table in tables(text):
        for row in table:
            if "gate" in row:
                cells = {f"gates.{row['gate']}.{name}": row[name] for name in COLUMNS}
            else:
                cells = {row["key"]: row["value"]}
            for key, cell in cells.items():
                assert key not in found, f"{key} stands twice"
                if cell != "-":
                    found[key] = value(key, cell)
    return found


def value(key: str, cell: str) -> object:
    """What people read ("5 %", "1,800 s", "yes") as a policy holds it (0.05, 1800.0, True)."""
    if cell in ("yes", "no"):
        return cell == "yes"
    number = re.fullmatch(r"([+-]?[\d,.]+) ?([a-z%/]*)", cell)
    if number is None:
        return cell
    factor = 1.0 if key.endswith("_percent") else UNITS[number[2]]
    return float(number[1].replace(",", "")) * factor


def flat(table: dict[str, object], prefix: str = "") -> dict[str, object]:
    """A TOML document with its keys in one piece; numbers as floats."""
    found: dict[str, object] = {}
    for key, held in table.items():
        name = f"{prefix}{key}"
        if isinstance(held, dict):
            found |= flat(held, f"{name}.")
        else:
            number = isinstance(held, int | float) and not isinstance(held, bool)
            found[name] = float(str(held)) if number else held
    return found


@pytest.mark.parametrize(
    ("title", "room", "name"),
    [
        pytest.param("What is judged", "analysis", "gates.toml", id="judging"),
        pytest.param("What the local site adds", "rollout", "policy.toml", id="local-site"),
    ],
)
def test_every_number_of_the_policy_stands_in_the_runbook_once(
    title: str, room: str, name: str
) -> None:
    """The runbook's tables hold all keys of the packaged policy, with its values, and no others."""
    packaged = flat(tomllib.loads(files(room).joinpath(name).read_text()))
    written = numbers(section(RUNBOOK, title))
    assert set(written) == set(packaged)
    for key, held in packaged.items():
        told = written[key]
        assert told == (pytest.approx(held) if isinstance(held, float) else held), key


def commands(text: str) -> Iterator[str]:
    """Every ``pincex`` command that a reader may paste: lines of code blocks and code in prose."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    lines = [line for block in fenced for line in block.splitlines()]
    prose = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.M | re.S)
    for piece in (*lines, *re.findall(r"`([^`\n]+)`", prose)):
        found = re.match(r"(?:\$ )?(?:\w+=\S+ )*(?:\.venv/bin/)?pincex (.+)", piece.strip())
        if found:
            yield re.split(r" \| | && | > |; | {2,}| # ", found[1])[0]


@pytest.mark.parametrize(
    ("document", "command"),
    [
        pytest.param(name, command, id=f"{name}: {command}")
        for name, text in TEXTS.items()
        for command in dict.fromkeys(commands(text))
    ],
)
def test_every_command_in_the_documents_is_one_the_parser_takes(
    document: str, command: str
) -> None:
    """Nobody copies a command from a document and gets an argument error."""
    try:
        parser().parse_args(shlex.split(command))
    except Refused as refused:
        pytest.fail(f"{document}: pincex {command}: {refused.message}", pytrace=False)
    except SystemExit as asked_for_help:
        if asked_for_help.code:
            raise


def headings() -> list[str]:
    """The verbs that have a section of their own in the runbook."""
    return re.findall(r"^### `pincex ([a-z-]+)", RUNBOOK, re.M)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_one_section_in_the_runbook(verb: str) -> None:
    """What it does, an example, exit codes and what to do when it fails are never missing."""
    assert headings().count(verb) == 1
    body = re.search(rf"^### `pincex {verb}\b.*?\n(.*?)(?=^##|\Z)", RUNBOOK, re.M | re.S)
    assert body
    for part in ("```", "Exit codes:", "When it fails:"):
        assert part in body[1], part


def test_the_runbook_has_no_verb_that_does_not_exist() -> None:
    """A section is a promise that the command answers."""
    assert set(headings()) == set(VERBS)


def test_what_is_not_built_is_listed_as_such() -> None:
    """Every verb the house's runbook names either works or stands in the list of what does not."""
    (table,) = tables(section(RUNBOOK, "Not built yet"))
    missing = {row["verb"].split()[0] for row in table}
    assert missing == NAMED_BY_THE_RUNBOOK - set(VERBS)


def test_every_command_of_the_original_stands_in_the_table_of_them() -> None:
    """Each row that is run here begins with our verb, or says that it is not built."""
    (table,) = tables(section(RUNBOOK, "Every command of the original"))
    unbuilt = {row["original"].split()[0] for row in table if "not built" in row["here"]}

    assert {row["original"] for row in table} == OF_THE_ORIGINAL
    assert unbuilt == NAMED_BY_THE_RUNBOOK - set(VERBS)
    for row in table:
        assert row["original"].split()[0] in row["here"].split(), row


def test_the_checklist_and_the_record_of_the_runbook_are_ones_that_are_taken() -> None:
    """Who copies them has every table there is, and nothing to mend."""
    body = section(RUNBOOK, "`pincex validate NAME`")
    checklist, record = re.findall(r"^```toml\n(.*?)^```", body, re.M | re.S)

    told = parse_checklist(checklist, ZoneInfo)

    assert all(getattr(told, name) for name in told.__slots__)
    assert parse_record(record).release == "v2.1.0"


def test_exit_codes_are_those_of_the_commands() -> None:
    """The table of exit codes has one row for each code a command can end with."""
    (table,) = tables(section(RUNBOOK, "Exit codes"))
    assert [int(row["code"]) for row in table] == [int(code) for code in Exit]


def test_every_make_target_in_the_documents_exists() -> None:
    """`make X` is only promised where the Makefile has X."""
    named = {name for text in TEXTS.values() for name in re.findall(r"`make ([a-z-]+)", text)}
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert named <= known


def anchors(text: str) -> set[str]:
    """What a heading is called in an address: lower case, words joined by hyphens."""
    found = re.findall(r"^#+ (.*)", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in found}


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_to_a_file_and_a_heading_of_this_checkout(name: str) -> None:
    """A relative link to something that was moved, renamed or never made is found here."""
    folder = PLACES[name].parent
    for file, heading in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", TEXTS[name]):
        assert (folder / file).exists(), file
        if heading:
            text = TEXTS[Path(file).name] if file else TEXTS[name]
            assert heading in anchors(text), heading


def test_each_gate_is_explained() -> None:
    """What it claims stands in the statistics, under its name in the policy."""
    gates = tomllib.loads(files("analysis").joinpath("gates.toml").read_text())["gates"]
    explained = section(TEXTS[STATISTICS.name], "The gates")

    assert {name for name in gates if f"`{name}`" not in explained} == set()


def test_decisions_are_short_numbered_and_of_one_form() -> None:
    """Each record fits on a screen: what was so, what was decided, what follows."""
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    for path in DECISIONS:
        text = TEXTS[path.name]
        assert 10 <= len(text.splitlines()) <= 25, path.name
        for part in ("Context:", "Decision:", "Consequence:"):
            assert text.count(f"\n{part} ") == 1, f"{path.name}: {part}"


UNWANTED = {
    "canary": r"\bcanar(?:y|ies)\b",
    "primary": r"\bprimary\b",
    "blue-green": r"\bblue[-/ ]green\b",
    "experiment": r"(?<!/)\bexperiments?\b",
    "abort": r"\babort\w*\b",
    "revert": r"\brevert\w*\b",
    "machine path": r"(?<![\w.])/(?:work|home|root|tmp|Users)/",
    "host name": r"https?://(?!127\.0\.0\.1|semver\.org)",
}


@pytest.mark.parametrize("what", UNWANTED)
def test_documents_keep_to_the_words_of_the_house(what: str) -> None:
    """One word for one idea, and nothing that is true on one machine only."""
    for name, text in TEXTS.items():
        found = re.search(UNWANTED[what], text, re.I)
        assert found is None, f"{name}: {found and found[0]}"


def test_no_two_test_files_have_one_name() -> None:
    """They are imported by it: of two only one would be collected, and the other is an error."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))

    assert [name for name, times in names.items() if times > 1] == []
