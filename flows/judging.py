"""`judge`: a table of pairs in, a verdict out; nothing of a site is needed."""

import argparse
from pathlib import Path
from typing import Any

from flows.refusal import Exit, bad_input
from rollout.judged import text_of

CODES = {"PASS": Exit.DONE, "FAIL": Exit.HARM, "INCONCLUSIVE": Exit.HELD}


def judge(options: argparse.Namespace) -> tuple[int, dict[str, Any], str]:
    """Judge a file read to its end; the exit code is the verdict."""
    from analysis import judge as judged
    from rollout.policy import parse

    policy = None
    if options.policy is not None:
        path = Path(options.policy)
        if not path.is_file():
            raise bad_input(f"there is no policy {path}", "--policy FILE names a TOML file")
        try:
            policy = parse(path.read_text(encoding="utf-8")).judging
        except UnicodeDecodeError as error:
            raise bad_input(f"{path} is not UTF-8: {error}", "a policy is UTF-8 TOML") from error
    verdict = judged(Path(options.pairs), policy)
    report = verdict.as_dict()
    return CODES[str(verdict.verdict)], report, text_of(report)
