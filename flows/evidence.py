"""The evidence of a verdict: pairs, policy and verdict in one folder, bound by digests."""

import hashlib
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.files import write_whole
from cluster.ledger import WAITING
from flows.refusal import Exit, Refused
from flows.site import Site
from rollout.history import VERDICT
from rollout.policy import parse
from rollout.state import Decision, Judged, Phase, Rollout

if TYPE_CHECKING:
    from analysis import Verdict
    from flows.smoke import Smoke

VERDICTS = {
    Decision.PROMOTE: "PASS",
    Decision.ROLLBACK: "FAIL",
    Decision.INCONCLUSIVE: "INCONCLUSIVE",
}


def folder(site: Site, rollout: Rollout, digest: str) -> Path:
    """Where evidence with this digest lies; another verdict has another folder."""
    named = f"{rollout.component}-{rollout.candidate.version}-{digest[:12]}"
    return site.home.evidence / named


def digest_of(text: str) -> str:
    """The digest under which a verdict is known: the SHA-256 of its bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def keep(site: Site, rollout: Rollout, pairs: Path, verdict: "Verdict") -> dict[str, str]:
    """Store the evidence and return its place and its digest, the SHA-256 of verdict.json."""
    text = verdict.to_json() + "\n"
    digest = digest_of(text)
    place = folder(site, rollout, digest)
    place.mkdir(parents=True, exist_ok=True)
    staged = place / "pairs.parquet.staged"
    shutil.copyfile(pairs, staged)
    staged.replace(place / "pairs.parquet")
    write_whole(place / "policy.toml", rollout.policy_text, stage=site.home.stage)
    write_whole(place / "verdict.json", text, stage=site.home.stage)
    latest = site.home.evidence / f"{rollout.component}-{rollout.candidate.version}.json"
    write_whole(latest, text, stage=site.home.stage)
    return {"evidence": str(place), "evidence_digest": digest}


def record(
    site: Site, rollout: Rollout, verdict: "Verdict", place: dict[str, str], undecided: str | None
) -> None:
    """Write the verdict into the ledger; `undecided` says which budget ended it, if one did."""
    reason = f"{undecided}; {verdict.reason}" if undecided else verdict.reason
    data: dict[str, Any] = {
        "rollout": rollout.id,
        "verdict": str(verdict.verdict),
        "decision": str(verdict.decision),
        "reason": reason,
        "pairs": verdict.pairs,
        "decided_at": verdict.decided_at.as_dict() if verdict.decided_at else None,
        "seconds": (datetime.now(UTC) - rollout.opened_at).total_seconds(),
        "policy_digest": verdict.policy_digest,
        **place,
    }
    site.ledger.append(
        VERDICT, component=rollout.component, region=rollout.region, actor=rollout.actor, data=data
    )
    if verdict.decision == Decision.PROMOTE and rollout.phase is Phase.SHADOW:
        wait(site, rollout)


def wait(site: Site, rollout: Rollout) -> None:
    """Note that the rollout needs no process until it is promoted or its evidence is too old."""
    until = datetime.now(UTC) + timedelta(
        seconds=parse(rollout.policy_text).shadow.evidence_max_age
    )
    site.ledger.append(
        WAITING,
        component=rollout.component,
        region=rollout.region,
        actor=rollout.actor,
        data={"rollout": rollout.id, "until": until.isoformat()},
    )


def record_smoke(site: Site, rollout: Rollout, smoke: "Smoke") -> None:
    """The evidence of a first version: what it answered, and what that allows."""
    content = {"decision": smoke.decision, "reason": smoke.reason, "answers": smoke.answers}
    text = json.dumps(content, indent=1) + "\n"
    digest = digest_of(text)
    place = folder(site, rollout, digest)
    place.mkdir(parents=True, exist_ok=True)
    write_whole(place / "policy.toml", rollout.policy_text, stage=site.home.stage)
    write_whole(place / "verdict.json", text, stage=site.home.stage)
    data: dict[str, Any] = {
        "rollout": rollout.id,
        "verdict": VERDICTS[smoke.decision],
        "decision": str(smoke.decision),
        "reason": smoke.reason,
        "pairs": 0,
        "decided_at": None,
        "evidence": str(place),
        "evidence_digest": digest,
    }
    site.ledger.append(
        VERDICT, component=rollout.component, region=rollout.region, actor=rollout.actor, data=data
    )


def intact(judged: Judged) -> None:
    """Raise unless the stored verdict still has the digest the ledger kept."""
    path = Path(judged.evidence) / "verdict.json"
    found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "nothing"
    if found != judged.evidence_digest:
        raise Refused(
            f"the evidence in {path} is not what the ledger recorded "
            f"({found[:12]} instead of {judged.evidence_digest[:12]})",
            hint="deploy-model again for new evidence",
            code=Exit.FAILED,
        )
