"""Policies from text and files; kept apart from pairs so that a command can read one at once."""

import tomllib
from pathlib import Path
from typing import Any

from analysis.errors import BadInput
from analysis.policy import JudgePolicy
from analysis.policy_tables import policy_from_tables

GATES = Path(__file__).with_name("gates.toml")


def parse_policy(text: str) -> JudgePolicy:
    """The judging part of a policy; what it leaves out is taken from the packaged default."""
    default = GATES.read_text("utf-8")
    return policy_from_tables(_tables(text), _tables(default), text)


def default_policy() -> JudgePolicy:
    """The packaged default: the guard against drifting hosts, and every gate of the runbook."""
    return parse_policy(GATES.read_text("utf-8"))


def read_policy(path: Path | str) -> JudgePolicy:
    """The judging part of a policy file."""
    if not isinstance(path, (Path, str)):
        raise BadInput(
            f"a {type(path).__name__} is no policy", "a TOML file, or parse_policy(TEXT)"
        )
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"policy {path} cannot be read: {error}", "a TOML file") from error
    return parse_policy(text)


def _tables(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # Not only TOMLDecodeError: numbers of too many digits and too deep tables end otherwise.
        raise BadInput(
            f"policy is not TOML: {error}",
            "quote texts, and write a table as [gates.accuracy-paired]",
        ) from error
