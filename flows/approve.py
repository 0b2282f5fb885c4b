"""`approve`: a person says yes or no to a promotion that waits; the ledger keeps who, and why.

Needs neither Prefect nor MLflow: the answer is a row, and whoever goes on with the rollout sees it.
"""

import argparse
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flows.in_cluster import chosen
from flows.openers import actor
from flows.refusal import Exit, Refused, bad_input
from flows.site import Site
from rollout import approval_text
from rollout.history import APPROVED, REFUSED, History, fold
from rollout.state import Rollout
from rollout.words import clock

TERMINAL = "the terminal"


@dataclass(frozen=True, slots=True)
class Given:
    """What a person answered, and by which way it reached us."""

    approve: bool
    by: str
    how: str
    reason: str


def approve(options: argparse.Namespace) -> tuple[int, dict[str, Any], str]:
    """The verb: record the answer of whoever calls it."""
    here = chosen(options)
    reason = (options.reason or "").strip()
    if options.refuse and not reason:
        raise bad_input("--refuse needs a reason", '--refuse --reason "why not"')
    here.require()
    given = Given(not options.refuse, actor(), TERMINAL, reason)
    done = answer(here, options.name, given)
    here.revive()
    return Exit.DONE, done, _text(done)


def answer(here: Site, name: str, given: Given, asked_at: datetime | None = None) -> dict[str, Any]:
    """Record it once, for exactly the rollout and the evidence that were asked about.

    `asked_at` is the question that was shown; None answers the one that is open now.
    """
    while True:
        rows = here.ledger.rows(component=name, region=here.region)
        rollout = _asking(fold(rows), name, asked_at)
        approval = rollout.approval
        assert approval is not None
        row = here.ledger.append_next(
            rows[-1],
            APPROVED if given.approve else REFUSED,
            actor=given.by,
            data={
                "rollout": rollout.id,
                "evidence_digest": approval.evidence_digest,
                "how": given.how,
                "reason": given.reason,
            },
        )
        if row is not None:
            return _report(here, rollout)


def _asking(history: History, name: str, asked_at: datetime | None) -> Rollout:
    """The open rollout, if it waits for this answer; else what is so instead."""
    last = history.rollouts[-1] if history.rollouts else None
    if last is None:
        raise bad_input(f"there is no rollout of {name}", "pincex status")
    approval, subject = last.approval, f"{name} {last.candidate.version}"
    if approval is None or (asked_at is not None and approval.at != asked_at):
        raise _nothing(name, "nothing asked for it")
    if last.closed is None and approval.lapsed is None and approval.answer is not None:
        said = approval_text.answered(_data(last))
        raise Refused(f"{subject} was {said}", hint=f"pincex resume {name} follows it")
    if approval.answer is not None:
        raise _nothing(name, f"{subject} was {approval_text.answered(_data(last))}")
    if approval.lapsed is not None or last.closed is not None:
        raise _nothing(name, f"{subject}: {approval.lapsed or last.reason}")
    if datetime.now(UTC) >= approval.until:
        raise _nothing(name, f"the time for {subject} was over at {clock(approval.until)}")
    return last


def _nothing(name: str, why: str) -> Refused:
    return bad_input(f"nothing of {name} waits for approval; {why}", f"pincex promote-model {name}")


def _data(rollout: Rollout) -> dict[str, Any]:
    data = approval_text.as_data(rollout)
    assert data is not None
    return data


def _report(here: Site, asked: Rollout) -> dict[str, Any]:
    """The rollout and its answer as the ledger has them now."""
    history = here.history(asked.component)
    (found,) = [rollout for rollout in history.rollouts if rollout.id == asked.id]
    return {
        "model": found.component,
        "version": found.candidate.version,
        "rollout": found.id,
        "approval": _data(found),
    }


def _text(done: dict[str, Any]) -> str:
    approval = done["approval"]
    digest = approval["evidence_digest"]
    grounds = f"evidence {digest[:12]}" if digest else "no verdict: by override"
    next_step = (
        "judged once more, then promoted" if approval["state"] == "approved" else "taken out"
    )
    return (
        f"{done['model']} {done['version']}: {approval_text.answered(approval)}\n"
        f"{grounds}; it is {next_step}: pincex resume {done['model']} follows it"
    )
