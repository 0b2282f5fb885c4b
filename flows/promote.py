"""`promote-model`: all traffic to a version that was proven safe against this very champion."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cluster.lock import held
from flows import evidence
from flows.effects import ask, enter
from flows.keeping import keeping
from flows.loop import run
from flows.openers import (
    actor,
    blocking,
    open_already,
    open_rollout,
    refuse_application,
    refuse_foreign,
    revision,
)
from flows.policies import policy_text
from flows.recorder import Recorder
from flows.refusal import Exit, Refused, bad_input
from flows.report import exit_code, report
from flows.sight import Sight, sight
from flows.site import LEASE_SECONDS, Site
from flows.watched import after_control, after_watch
from rollout import approval_text
from rollout.decide import asked_until, expired
from rollout.history import VERDICT, History
from rollout.policy import parse
from rollout.state import Decision, Phase, Revision, Rollout, Verb


def promote_model(
    site: Site, name: str, version: str | None, override: str | None, recorder: Recorder
) -> tuple[Exit, dict[str, Any]]:
    """Judge everything seen so far once more, switch, and confirm by the platform's own word."""
    after_watch(site, name)
    refuse_unproven(site, name, version, override)
    after_control(site, name, "promote-model")
    holder = f"promote-model {name}"
    with held(site.lock, name, site.region, holder, LEASE_SECONDS) as lease, keeping(site):
        here = site.holding(lease)
        history = here.history(name)
        champion = _champion(history, name)
        if version == champion.version:
            raise _overtaken(history, name)
        refuse_foreign(here, name, history)
        opened = history.open
        if opened is not None and version in (None, opened.candidate.version):
            eye = _rejudged(here, opened, champion, override)
        elif opened is not None:
            raise open_already(opened)
        else:
            eye = _reopened(here, history, name, champion, version, override)
        run(eye, lease, recorder)
        ended = eye.rollout()
        return exit_code(ended), report(ended)


def asked_version(site: Site, name: str, version: str | None) -> str | None:
    """The version meant, as of now: the open challenger where none is named; never the champion."""
    history = site.history(name)
    if version == _champion(history, name).version:
        raise bad_input(
            f"{version} is the champion of {name} already", f"pincex model-status {name}"
        )
    opened = blocking(history)
    if version is None and opened is not None and opened.phase is Phase.SHADOW:
        return opened.candidate.version
    return version


def refuse_unproven(site: Site, name: str, version: str | None, override: str | None) -> None:
    """What can be said without the lock: there is no verdict, or none yet."""
    history = site.history(name)
    champion = _champion(history, name)
    opened = blocking(history)
    if opened is None and version != champion.version:
        _proven(site, history, name, champion, version, override)
        return
    if opened is not None and opened.pending:
        raise pending(opened)
    if opened is None or override or opened.phase is not Phase.SHADOW or opened.waiting:
        return
    raise Refused(
        f"{name} {opened.candidate.version} has no PASS against {champion.version} yet",
        hint=f"pincex resume {name} follows it; once it has ended, --override REASON promotes "
        "without a PASS",
        code=Exit.HELD,
    )


def _overtaken(history: History, name: str) -> Refused:
    """Somebody else promoted the same version since it was asked for."""
    assert history.champion is not None
    version, since = history.champion.revision.version, history.champion.since
    return Refused(
        f"{version} is the champion of {name} since {since:%H:%M:%S} UTC, "
        f"by {history.champion.verb}",
        hint=f"pincex model-status {name}",
    )


def pending(opened: Rollout) -> Refused:
    """The promotion was asked for already and waits for a person."""
    asked = approval_text.as_data(opened)
    assert asked is not None
    return Refused(
        f"{opened.component} {opened.candidate.version} is {approval_text.waiting(asked)}",
        hint=f"pincex approve {opened.component}; pincex resume {opened.component} follows it",
        code=Exit.HELD,
    )


def _champion(history: History, name: str) -> Revision:
    refuse_application(history, name)
    if history.champion is None:
        raise bad_input(f"{name} has no champion", f"pincex deploy-model {name} VERSION --first")
    return history.champion.revision


def _rejudged(site: Site, opened: Rollout, champion: Revision, override: str | None) -> Sight:
    """The open shadow, judged on everything seen so far, entered into PROMOTING."""
    eye = sight(site, opened)
    if opened.phase is not Phase.SHADOW or opened.awaiting:
        return eye
    if opened.stable != champion:
        raise Refused(
            f"the evidence is against {opened.stable and opened.stable.version}, but "
            f"{champion.version} serves",
            hint=f"pincex resume {opened.component}",
        )
    facts = eye.look()
    eye.take_in(facts)
    decision = Decision(eye.verdict.decision) if eye.verdict else Decision.CONTINUE
    if decision is Decision.ROLLBACK:
        eye.conclude(facts, None)
        if not override:
            return eye
    elif decision is Decision.PROMOTE:
        eye.conclude(facts, None)
    elif not override:
        reason = eye.verdict.reason if eye.verdict else "no pair so far"
        raise Refused(
            f"{opened.component} {opened.candidate.version} is not proven on everything seen "
            f"so far: {reason}",
            hint=f"pincex resume {opened.component}",
            code=Exit.HELD,
        )
    if eye.policy.approval.required:
        judged = replace(eye.rollout(), override=override)
        ask(site, judged, asked_until(judged, datetime.now(UTC), eye.policy), override)
    else:
        enter(site, opened, str(Phase.PROMOTING), override)
    return eye


def _reopened(
    site: Site,
    history: History,
    name: str,
    champion: Revision,
    version: str | None,
    override: str | None,
) -> Sight:
    """A version that is in no open shadow: on evidence kept for exactly these two revisions."""
    candidate, passed = _proven(site, history, name, champion, version, override)
    if passed is not None and not override:
        _still_holds(passed)
    text = passed.policy_text if passed else policy_text(site, None)
    rollout = open_rollout(
        site, name, Verb.PROMOTE, champion, candidate, text, 1.0, 1.0, override=override
    )
    if passed is not None and passed.judged is not None:
        _cite(site, rollout, passed)
    return sight(site, rollout)


def _proven(
    site: Site,
    history: History,
    name: str,
    champion: Revision,
    version: str | None,
    override: str | None,
) -> tuple[Revision, Rollout | None]:
    """The version meant and its PASS against the champion, which only an override may lack."""
    candidate = revision(site, name, version) if version else _last_passed(history, champion, name)
    passed = history.passed(champion, candidate)
    if passed is None and not override:
        raise _unproven(name, champion, candidate, history.failed(candidate))
    return candidate, passed


def _unproven(
    name: str, champion: Revision, candidate: Revision, failed: Rollout | None
) -> Refused:
    """A version that FAILED is told so: to deploy it once more is no remedy for what it did."""
    if failed is None or failed.judged is None:
        return Refused(
            f"there is no PASS for {candidate.version} against {champion.version}",
            hint=f"pincex deploy-model {name} {candidate.version}",
            code=Exit.HELD,
        )
    return Refused(
        f"{candidate.version} FAILED at {failed.judged.at:%Y-%m-%d %H:%M} UTC: "
        f"{failed.judged.reason}",
        hint=f"pincex report {name} shows the evidence; --override REASON promotes all the same",
        code=Exit.HARM,
    )


def _last_passed(history: History, champion: Revision, name: str) -> Revision:
    for rollout in reversed(history.rollouts):
        deployed = rollout.verb is Verb.DEPLOY and rollout.stable == champion
        if deployed and history.passed(champion, rollout.candidate):
            return rollout.candidate
    raise Refused(
        f"{name} has no version with a PASS against {champion.version}",
        hint=f"pincex deploy-model {name} VERSION",
        code=Exit.HELD,
    )


def _still_holds(passed: Rollout) -> None:
    """The kept evidence is intact, young enough, and gives the same verdict again."""
    assert passed.judged is not None
    policy = parse(passed.policy_text)
    if expired(passed.judged, datetime.now(UTC), policy):
        raise Refused(
            f"the PASS of {passed.candidate.version} is older than evidence_max_age allows",
            hint=f"pincex deploy-model {passed.component} {passed.candidate.version}",
            code=Exit.HELD,
        )
    evidence.intact(passed.judged)
    from analysis import judge

    verdict = judge(Path(passed.judged.evidence) / "pairs.parquet", policy.judging)
    if verdict.decision != Decision.PROMOTE:
        raise Refused(
            f"the kept evidence judges {verdict.decision} now: {verdict.reason}",
            hint=f"pincex deploy-model {passed.component} {passed.candidate.version}",
        )


def _cite(site: Site, rollout: Rollout, passed: Rollout) -> None:
    """The new rollout rests on the verdict of the old one."""
    judged = passed.judged
    assert judged is not None
    data = {
        "rollout": rollout.id,
        "verdict": "PASS",
        "decision": str(judged.decision),
        "reason": judged.reason,
        "pairs": judged.pairs,
        "decided_at": judged.decided_at,
        "evidence": judged.evidence,
        "evidence_digest": judged.evidence_digest,
        "cited_from": passed.id,
        "judged_at": judged.at.isoformat(),
    }
    site.ledger.append(
        VERDICT, component=rollout.component, region=site.region, actor=actor(), data=data
    )
