"""`judge`: a table of pairs in, a verdict out; nothing of a site is needed."""

import argparse
import os
from os.path import isdir
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.comparing import compared, table_of
from flows.judge_workers import asked_for, counted
from flows.policies import policy_file
from flows.refusal import Exit, bad_input
from rollout.judged import text_of

if TYPE_CHECKING:
    from analysis import JudgePolicy

CODES = {"PASS": Exit.DONE, "FAIL": Exit.HARM, "INCONCLUSIVE": Exit.HELD}


def judge(options: argparse.Namespace) -> tuple[int, dict[str, Any], str]:
    """Judge a file read to its end; the exit code is the verdict."""
    # Nothing here multiplies matrices, and threads that wait for one take a tenth of a second.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from analysis import Pairs, default_policy, in_blocks, judged_page, read_record
    from analysis import judge as judged
    from rollout.policy import parse

    text = None if options.policy is None else policy_file(Path(options.policy))
    policy = None if text is None else parse(text).judging
    if options.report is not None:
        _require_place(Path(options.report), _read(options))
    path = Path(options.pairs)
    if options.control:
        return _control(options, path, policy)
    if options.blocks or asked_for(options) or in_blocks(path):
        return _in_blocks(options, path, policy, text)
    pairs = read_record(path)
    if not isinstance(pairs, Pairs):
        _without(
            options,
            ("report", "compare"),
            "these are requests of split traffic",
            "judge a shadow's pairs",
        )
        report = (verdict := judged(pairs, policy)).as_dict()
        return CODES[str(verdict.verdict)], report, text_of(report)
    content = None
    if options.report is None:
        verdict = judged(pairs, policy)
    else:
        verdict, content = judged_page(pairs, text)
    report = verdict.as_dict()
    said = text_of(report)
    if options.compare:
        rows = compared(pairs, policy or default_policy(), verdict)
        report["compared"] = rows
        said += f"\n\n{table_of(rows)}"
    if content is not None:
        write_page(Path(options.report), content)
        said += f"\nreport {options.report}"
    return CODES[str(verdict.verdict)], report, said


def _control(
    options: argparse.Namespace, path: Path, policy: "JudgePolicy | None"
) -> tuple[int, dict[str, Any], str]:
    """Windows of one record are judged, each by itself: there is no one verdict to show."""
    from analysis import read_pairs
    from flows.controlling import controlled

    for option in ("report", "compare", "blocks", "workers", "on-cluster"):
        given = getattr(options, option.replace("-", "_"))
        # No equality: 0 workers were asked for, too, and 0 == False.
        if given is not None and given is not False:
            raise bad_input(
                f"--{option} goes with one verdict, and --control judges many windows",
                f"leave out --{option}, or --control",
            )
    return controlled(read_pairs(path), policy)


def _in_blocks(
    options: argparse.Namespace, path: Path, policy: "JudgePolicy | None", text: str | None
) -> tuple[int, dict[str, Any], str]:
    """Only counts are kept: the page shows what they can, and there is nothing to compare."""
    from analysis import block_page, count_blocks, default_policy, judge_blocks

    _without(
        options,
        ("compare",),
        "pairs are counted in blocks here",
        "judge 10 million or fewer without --blocks",
    )
    held = policy or default_policy()
    table, plan = counted(options, held) if asked_for(options) else count_blocks(path, held)
    verdict = judge_blocks(table, plan, live=False)
    report = verdict.as_dict()
    said = text_of(report)
    if options.report is not None:
        write_page(Path(options.report), block_page(verdict, table, plan, text))
        said += f"\nreport {options.report}"
    return CODES[str(verdict.verdict)], report, said


def _without(options: argparse.Namespace, needing: tuple[str, ...], why: str, instead: str) -> None:
    """Refuse the options that need the pairs one by one."""
    for option in needing:
        if getattr(options, option):
            raise bad_input(
                f"--{option} needs the pairs themselves, and {why}",
                f"leave out --{option}, or {instead}",
            )


def _require_place(page: Path, read: set[Path]) -> None:
    """A page that could not be written is refused before anything is judged."""
    if page.resolve() in read:
        raise bad_input(f"--report {page} would overwrite what is judged", "another file")
    # Of os.path, because pathlib raises for names that are too long.
    if isdir(page) or not isdir(page.parent):
        why = "it is a directory" if isdir(page) else f"there is no directory {page.parent}"
        raise bad_input(f"{page} cannot be written: {why}", "--report FILE.html names a file")


def _read(options: argparse.Namespace) -> set[Path]:
    """The files that are read, so that none of them is written."""
    given = {Path(name).resolve() for name in (options.pairs, options.policy) if name is not None}
    return given | {file for place in given if place.is_dir() for file in place.iterdir()}


def write_page(path: Path, content: str) -> None:
    """A page as a file; a place that takes none is bad input."""
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise bad_input(
            f"{path} cannot be written: {error.strerror}", "--report FILE.html names a file"
        ) from error
