"""The evidence of a verdict: one folder, addressed by the digest of the file that binds it.

`evidence.json` names the digest of every other file, the revisions, the code and the head of the
ledger at that moment, so that a changed byte and a removed tail of the ledger are both noticed.
"""

import hashlib
import json
import platform
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.files import make_directory, write_whole, writing
from cluster.ledger import WAITING, open_rollouts
from flows import reports
from flows.refusal import Exit, Refused
from flows.site import Site
from rollout.history import VERDICT, as_data
from rollout.policy import parse
from rollout.state import Decision, Judged, Rollout

if TYPE_CHECKING:
    from analysis import Verdict
    from flows.smoke import Smoke

NAMED_BY_DIGEST = re.compile(r"[0-9a-f]{12}$")
BINDING, PAIRS, POLICY, VERDICT_FILE, REPORT = (
    "evidence.json",
    "pairs.parquet",
    "policy.toml",
    "verdict.json",
    "report.html",
)
VERDICTS = {
    Decision.PROMOTE: "PASS",
    Decision.ROLLBACK: "FAIL",
    Decision.INCONCLUSIVE: "INCONCLUSIVE",
}


def digest_of(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code_digest() -> str:
    """SHA-256 over the sources of the judge, which tells its verdicts from those of other code."""
    package = Path(str(files("analysis")))
    sources = sorted([*package.glob("*.py"), *package.glob("*.toml")])
    named = b"".join(f"{path.name}:{digest_of(path)}\n".encode() for path in sources)
    return hashlib.sha256(named).hexdigest()


def keep(site: Site, rollout: Rollout, pairs: Path, verdict: "Verdict") -> dict[str, str]:
    """Store the evidence of a shadow; its place and its digest, the one of evidence.json."""
    staged = _staged(site, rollout)
    with writing(staged):
        shutil.copyfile(pairs, staged / PAIRS)
    write_whole(staged / REPORT, _page(site, rollout, pairs, verdict), stage=site.home.stage)
    text = verdict.to_json() + "\n"
    latest = site.home.evidence / f"{rollout.component}-{rollout.candidate.version}.json"
    write_whole(latest, text, stage=site.home.stage)
    return _bind(site, rollout, staged, text, verdict.code_version)


def _page(site: Site, rollout: Rollout, pairs: Path, verdict: "Verdict") -> str:
    """The verdict for people; the same bytes each time it is made from the same evidence."""
    from analysis import About, page

    about = About(who=rollout.actor, where=f"site {site.name}", rollout=rollout.id)
    return page(verdict, pairs, rollout.policy_text, about)


def keep_smoke(site: Site, rollout: Rollout, smoke: "Smoke") -> dict[str, str]:
    """Store what a first version answered to its smoke requests."""
    content = {"decision": smoke.decision, "reason": smoke.reason, "answers": smoke.answers}
    return _bind(site, rollout, _staged(site, rollout), json.dumps(content, indent=1) + "\n", None)


def _staged(site: Site, rollout: Rollout) -> Path:
    staged = site.home.stage / f"evidence-{rollout.id}"
    shutil.rmtree(staged, ignore_errors=True)
    make_directory(staged)
    return staged


def _bind(
    site: Site, rollout: Rollout, staged: Path, verdict: str, code_version: str | None
) -> dict[str, str]:
    """Write what is missing, bind it, and rename the folder to its address."""
    write_whole(staged / POLICY, rollout.policy_text, stage=site.home.stage)
    write_whole(staged / VERDICT_FILE, verdict, stage=site.home.stage)
    head = site.ledger.head()
    binding = {
        "rollout": rollout.id,
        "component": rollout.component,
        "region": rollout.region,
        "baseline": as_data(rollout.stable),
        "candidate": as_data(rollout.candidate),
        "files": {path.name: digest_of(path) for path in sorted(staged.iterdir())},
        "ledger": {"seq": head.seq, "hash": head.hash} if head else None,
        "code_version": code_version,
        "code_digest": code_digest(),
        "architecture": platform.machine(),
        "made_at": datetime.now(UTC).isoformat(),
    }
    write_whole(staged / BINDING, json.dumps(binding, indent=1) + "\n", stage=site.home.stage)
    digest = digest_of(staged / BINDING)
    named = f"{rollout.component}-{rollout.candidate.version}-{digest[:12]}"
    place = site.home.evidence / named
    with writing(place):
        staged.rename(place)
    return {"evidence": str(place), "evidence_digest": digest}


def record(
    site: Site, rollout: Rollout, verdict: "Verdict", place: dict[str, str], undecided: str | None
) -> None:
    """Write the verdict into the ledger; `undecided` says which budget ended it, if one did."""
    data = {
        "verdict": str(verdict.verdict),
        "decision": str(verdict.decision),
        "reason": f"{undecided}; {verdict.reason}" if undecided else verdict.reason,
        "pairs": verdict.pairs,
        "decided_at": verdict.decided_at.as_dict() if verdict.decided_at else None,
        "policy_digest": verdict.policy_digest,
    }
    _append(site, rollout, data | place)
    reports.owe(site, rollout, Path(place["evidence"]) / REPORT)
    reports.hand_over(site)


def record_smoke(site: Site, rollout: Rollout, smoke: "Smoke", place: dict[str, str]) -> None:
    """Write the verdict on a first version into the ledger."""
    data = {
        "verdict": VERDICTS[smoke.decision],
        "decision": str(smoke.decision),
        "reason": smoke.reason,
        "pairs": 0,
        "decided_at": None,
    }
    _append(site, rollout, data | place)


def _append(site: Site, rollout: Rollout, data: dict[str, Any]) -> None:
    seconds = (datetime.now(UTC) - rollout.opened_at).total_seconds()
    site.ledger.append(
        VERDICT,
        component=rollout.component,
        region=rollout.region,
        actor=rollout.actor,
        data={"rollout": rollout.id, "seconds": seconds, **data},
    )


def wait(site: Site, rollout: Rollout) -> None:
    """Note that the rollout needs no process until its promotion, or its evidence is old."""
    place = (rollout.component, rollout.region)
    needing = open_rollouts(site.ledger, datetime.now(UTC))
    if place not in [(row.component, row.region) for row in needing]:
        return
    assert rollout.judged is not None
    age = parse(rollout.policy_text).shadow.evidence_max_age
    until = rollout.judged.at + timedelta(seconds=age)
    site.ledger.append(
        WAITING,
        component=rollout.component,
        region=rollout.region,
        actor=rollout.actor,
        data={"rollout": rollout.id, "until": until.isoformat()},
    )


def intact(judged: Judged) -> None:
    """Raise unless the kept evidence is byte for byte what the ledger recorded."""
    place = Path(judged.evidence)
    wrong = next(differences(place, judged.evidence_digest), None)
    if wrong is not None:
        raise Refused(
            f"evidence {place}: {wrong}",
            hint="deploy-model again for new evidence",
            code=Exit.FAILED,
        )


def differences(place: Path, digest: str | None) -> Iterator[str]:
    """What in a folder of evidence is not as it was bound, in words; nothing where all is."""
    bound = place / BINDING
    if not bound.is_file():
        yield f"{BINDING} is missing"
        return
    found = digest_of(bound)
    if digest is not None and found != digest:
        yield f"{BINDING} was changed: its digest is {found[:12]}, recorded was {digest[:12]}"
    if not NAMED_BY_DIGEST.search(place.name):
        yield f"the folder was renamed: its name ended in {found[:12]}, the digest of {BINDING}"
    elif not place.name.endswith(found[:12]):
        yield f"{BINDING} was changed: its digest {found[:12]} is not in the folder's name"
    try:
        wanted_files = dict(json.loads(bound.read_bytes())["files"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        yield f"{BINDING} cannot be read: {error!r}"
        return
    for name, wanted in wanted_files.items():
        path = place / name
        if name not in (PAIRS, POLICY, VERDICT_FILE, REPORT):
            yield f"{BINDING} names {name[:60]!r}, which is no part of evidence"
        elif not path.is_file():
            yield f"{name} is missing"
        elif digest_of(path) != wanted:
            yield f"{name} was changed after it was kept"
