"""`report`: any rollout told from the ledger, whether it ended long ago or is still open."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.in_cluster import chosen
from flows.judging import write_page
from flows.refusal import Exit, bad_input
from flows.status import as_data
from rollout import rollout_report_text
from rollout.history import History
from rollout.state import Rollout

NAMED = 5
"""Rollouts that an error names."""


def report(options: argparse.Namespace) -> tuple[int, dict[str, Any], str]:
    """The verb: find the rollout and its rows; the chain is verified before they are shown."""
    here = chosen(options)
    here.require()
    here.ledger.verify()
    rollout = _asked(here.history(options.name), options.name, options.rollout)
    rows = [as_data(row) for row in here.ledger.rows(component=options.name)]
    own = [at for at, row in enumerate(rows) if row["data"].get("rollout") == rollout.id]
    told = rows[own[0] : own[-1] + 1 if rollout.closed else None]
    closed_at = told[-1]["at"] if rollout.closed else None
    ended = datetime.fromisoformat(closed_at) if closed_at else datetime.now(UTC)
    judged = rollout.judged
    found = {
        "site": here.name,
        "region": here.region,
        "rollout": rollout.id,
        "verb": str(rollout.verb),
        "component": rollout.component,
        "version": rollout.candidate.version,
        "before": rollout.stable.version if rollout.stable else None,
        "opened_at": rollout.opened_at.isoformat(),
        "opened_by": rollout.actor,
        "closed_at": closed_at,
        "seconds": (ended - rollout.opened_at).total_seconds(),
        "phase": str(rollout.phase),
        "ending": str(rollout.closed) if rollout.closed else None,
        "reason": rollout.reason or (judged.reason if judged else ""),
        "evidence": judged.evidence if judged else None,
        "evidence_digest": judged.evidence_digest if judged else None,
        "chain": "intact",
        "rows": told,
    }
    text = rollout_report_text.text_of(found)
    if options.report:
        write_page(Path(options.report), rollout_report_text.page(found))
        text += f"\nreport {options.report}"
    return Exit.DONE, found, text


def _asked(history: History, name: str, given: str | None) -> Rollout:
    """The rollout whose id begins so; the last one where none is named."""
    known = history.rollouts
    if not known:
        raise bad_input(f"the ledger knows no {name}", "pincex history")
    matching = [one for one in known if one.id.startswith(given)] if given else known[-1:]
    if len(matching) != 1:
        last = ", ".join(one.id for one in known[-NAMED:])
        some = f"{len(matching)} rollouts" if matching else "no rollout"
        raise bad_input(f"{some} of {name} begin with {given}", f"the last ones: {last}")
    return matching[0]
