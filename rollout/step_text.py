"""What an open rollout has seen of each component, and of a model, for `status`."""

import textwrap
from collections.abc import Mapping
from typing import Any

from rollout.words import count, duration

STALE = 15.0
"""Seconds after which it is told when somebody looked last."""
WIDTH, INDENT, OF_MODEL = 80, 4, 13

Report = Mapping[str, Any]


def evidence(seen: Report | None, name: str) -> list[str]:
    """Where a component stands in the rollout, with what was counted at its current step, and why.

    `seen` is the progress of the rollout; nothing is known of it before its first look.
    """
    found = [part for part in seen["parts"] if part["name"] == name] if seen else []
    if not found:
        return []
    (part,), at = found, f"{found[0]['share']} %"
    if part["under_way"] and part["decision"]:
        counted = f"{count(part['requests'])} requests, {count(part['errors'])} errors"
        return [*_lines(f"at {at}: {counted}: {part['decision']}"), *_reason(part["evidence"])]
    if part["under_way"]:
        assert seen is not None
        return _lines(f"at {at}: {seen['reason']}")
    if part["watched"]:
        quiet = sum(each["state"] == "QUIET" for each in part["triggers"])
        read = f", {quiet} of {len(part['triggers'])} triggers quiet" if part["triggers"] else ""
        return _lines(f"{part['target']}: watched{read}")
    if part["settled"]:
        why = _reason(part["evidence"]) if part["evidence"] else []
        return [*_lines(f"{part['target']}: done"), *why]
    return _lines(f"{part['target']}: has its turn later")


def how_it_goes(seen: Report | None, age: float | None, *, held: bool) -> list[str]:
    """Why it is undone, and whether anybody is at it: one step of a release may last minutes."""
    undoing = seen["undoing"] if seen else None
    told = _lines(f"undone because {undoing}", 2) if undoing else []
    if not held:
        told.append("  nobody is at it")
    elif age is not None and age > STALE:
        told.append(f"  the last look was {duration(age)} ago")
    return told


def of_shadow(seen: Report | None) -> list[str]:
    """How many pairs a shadow has, and what of it was proven harmful or is not decided yet."""
    if not seen or not seen.get("gates"):
        return []
    blocking = [gate for gate in seen["gates"] if gate["blocking"]]
    harmful = [gate["label"] for gate in seen["gates"] if gate["outcome"] == "FAIL"]
    undecided = [gate["label"] for gate in blocking if gate["outcome"] == "INCONCLUSIVE"]
    told = [f"{count(seen['pairs'])} pairs"]
    told += [f"harm: {', '.join(harmful)}"] if harmful else []
    told += [f"undecided: {', '.join(undecided)}"] if undecided else []
    return _lines("; ".join(told), OF_MODEL)


def _reason(said: str) -> list[str]:
    return _lines(said, INDENT + 2)


def _lines(said: str, indent: int = INDENT) -> list[str]:
    """As many as 80 columns need."""
    return textwrap.wrap(
        said, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2),
        break_on_hyphens=False,
    )  # fmt: skip
