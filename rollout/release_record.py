"""What was recorded of a release before it: who approved it, its tests, its scans."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rollout.checklist import Checklist, Records
from rollout.checklist_line import Line, Outcome
from rollout.toml_lines import Lines
from rollout.toml_reader import Reader

KEYS = ("release", "approved_by", "tests", "scans")
OF_PROOF = ("passed", "where", "at")
APPROVALS, TESTS, SCANS = "approvals", "tests", "scans"
WHO = {
    APPROVALS: "whoever approves releases",
    TESTS: "whoever runs the tests",
    SCANS: "whoever runs the scans",
}


@dataclass(frozen=True, slots=True)
class Proof:
    """That something was run on a release, how it ended, and where that can be looked up."""

    passed: bool
    where: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """What was recorded of a release; None where a table is not there."""

    release: str
    approved_by: tuple[str, ...]
    tests: Proof | None
    scans: Proof | None


def parse_record(text: str) -> Record:
    """Read a record; BadInput names line and key, TOMLDecodeError what is not TOML."""
    reader = Reader(tomllib.loads(text), Lines(text), ())
    reader.known((), KEYS)
    return Record(
        release=reader.needed(("release",)),
        approved_by=reader.words(("approved_by",)),
        tests=_proof(reader, TESTS),
        scans=_proof(reader, SCANS),
    )


def _proof(reader: Reader, table: str) -> Proof | None:
    if not reader.has((table,)):
        return None
    reader.known((table,), OF_PROOF)
    if not reader.has((table, "passed")):
        reader.wrong((table, "passed"), "it is missing", "true or false")
    return Proof(
        reader.flag((table, "passed"), False),
        reader.needed((table, "where")),
        reader.moment((table, "at")),
    )


def record_lines(
    told: Records | None, record: Record | None, version: str, file: str, now: datetime
) -> list[Line]:
    """Approvals, tests and scans; `file` is where they would be recorded."""
    if told is None:
        return [_undeclared(name) for name in WHO]
    if record is None:
        return [_fail(name, f"nothing is recorded: there is no {file}", file) for name in WHO]
    if record.release != version:
        said = f"{file} is the record of {record.release}, not of {version}"
        return [_fail(name, said, f'release = "{version}", once it is') for name in WHO]
    return [
        _approvals(told, record, file),
        _proven(TESTS, record.tests, file, now),
        _proven(SCANS, record.scans, file, now),
    ]


def _undeclared(name: str) -> Line:
    said = "nobody said where they are recorded"
    who = f"{WHO[name]} must look; [records] in the checklist declares it"
    return Line(name, Outcome.NOT_CHECKED, said, who)


def _approvals(told: Records, record: Record, file: str) -> Line:
    people = _people(record.approved_by)
    said = f"{len(people)} approved it" + (f": {', '.join(people)}" if people else "")
    if told.approvals is None:
        who = f"{WHO[APPROVALS]} must look; approvals in [records] says how many are needed"
        return Line(APPROVALS, Outcome.NOT_CHECKED, f"{said}; nobody said how many must", who)
    if len(people) < told.approvals:
        return _fail(APPROVALS, f"{said}, {told.approvals} must", f"approved_by in {file}")
    return Line(APPROVALS, Outcome.OK, said)


def _people(names: Sequence[str]) -> list[str]:
    """Each person once, however the name was typed."""
    typed = [" ".join(name.split()) for name in names]
    return list({name.casefold(): name for name in typed if name}.values())


def _proven(name: str, proof: Proof | None, file: str, now: datetime) -> Line:
    if proof is None:
        return _fail(name, "nothing is recorded of them", f"[{name}] in {file}")
    said = f"at {proof.at:%Y-%m-%d %H:%M %Z}, {proof.where}"
    if not proof.passed:
        return _fail(name, f"did not pass: {said}", "a release that passes them")
    if proof.at > now:
        return _fail(name, f"are said to have passed in the future: {said}", "when they did")
    return Line(name, Outcome.OK, f"passed: {said}")


def on_call_line(told: Checklist, now: datetime) -> Line:
    """Somebody must answer when the release goes wrong."""
    name, duty = "on-call", told.on_call
    if duty is None:
        who = "whoever plans the duty must look; [on_call] in the checklist declares it"
        return Line(name, Outcome.NOT_CHECKED, "nobody said who is", who)
    until = f"{duty.until:%Y-%m-%d %H:%M %Z}"
    if duty.until <= now:
        return _fail(name, f"{duty.name} was until {until}", "who is now, in [on_call]")
    return Line(name, Outcome.OK, f"{duty.name} until {until}")


def _fail(name: str, evidence: str, remedy: str) -> Line:
    return Line(name, Outcome.FAIL, evidence, remedy)
