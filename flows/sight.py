"""What a look reads: ledger, route, readiness, shadow records. Nothing here writes traffic."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from analysis import Verdict, judge
from flows import evidence
from flows.platform import look_at, recorded
from flows.site import Site
from flows.smoke import Smoke, smoke
from models.records import Shadow, ShadowRecords, write_pairs
from rollout import facts as fact
from rollout.decide import control_over
from rollout.facts import Facts
from rollout.policy import Policy, parse
from rollout.state import Decision, Phase, Rollout, Verb

if TYPE_CHECKING:
    from flows.controlling import LiveControl
    from flows.watch import Watcher


@dataclass
class Sight:
    """The eye on one rollout; what it keeps between looks is a cache of files, nothing more.

    `lost_at` is since when the platform has not answered, by the monotonic clock.
    """

    site: Site
    rollout_id: str
    component: str
    policy: Policy
    records: ShadowRecords
    looks: int = 0
    rate: float = 0.0
    verdict: Verdict | None = None
    shadow: Shadow | None = None
    smoke: Smoke | None = None
    failure: str | None = None
    watcher: "Watcher | None" = None
    control: "LiveControl | None" = None
    said: str = ""
    lost_at: float | None = None
    _ready_at: float = field(default_factory=monotonic)

    @property
    def pairs_file(self) -> Path:
        return self.records.directory / "pairs.parquet"

    def rollout(self) -> Rollout:
        """The rollout as the ledger has it now."""
        return recorded(self.site, self.component, self.rollout_id)

    def look(self) -> Facts:
        """Everything but the evidence."""
        facts = look_at(
            self.site,
            self.rollout(),
            unready_for=monotonic() - self._ready_at,
            failure=self.failure,
        )
        if facts.rollout.candidate.version in facts.ready:
            self._ready_at = monotonic()
        return facts

    def overlook(self, seconds: float) -> None:
        """Take a time in which nobody could see for none in which the candidate was not ready."""
        self._ready_at += seconds

    def analyse(self, facts: Facts) -> Facts:
        """The same facts with the evidence so far, judged from the file that will be kept."""
        rollout = facts.rollout
        if rollout.phase is Phase.WATCHING and rollout.closed is None:
            return self._watched(facts)
        if rollout.verb is Verb.CONTROL:
            return self._controlled(facts)
        if rollout.awaiting:
            return self._asked(facts)
        undecided = rollout.phase is Phase.SHADOW and rollout.judged is None
        if not undecided or rollout.closed is not None:
            return facts
        if rollout.stable is None:
            return self._smoked(facts)
        return self.judged(facts)

    def judged(self, facts: Facts) -> Facts:
        """The facts with what the shadow says of everything seen so far."""
        self.take_in(facts)
        assert self.shadow is not None
        self.rate = self.shadow.requests_per_second(facts.now) / _share(facts)
        found = self.verdict
        look = fact.Look(
            decision=Decision(found.decision) if found else Decision.CONTINUE,
            reason=found.reason if found else "no pair so far",
            pairs=found.pairs if found else 0,
            requests_per_second=self.rate,
        )
        return replace(facts, look=look)

    def _asked(self, facts: Facts) -> Facts:
        """A promotion that waits for a person is judged again once it is approved."""
        approval = facts.rollout.approval
        if approval is None or approval.answer is None or not approval.answer.approved:
            return facts
        from flows.approved import examined

        return examined(self, facts)

    def _watched(self, facts: Facts) -> Facts:
        """What the triggers say of the version that took over."""
        from flows.watch import watcher

        if self.watcher is None:
            self.watcher = watcher(self.site, facts.rollout, self.policy)
        return replace(facts, watched=self.watcher.look(facts.now))

    def _controlled(self, facts: Facts) -> Facts:
        """What the copy of the champion has shown so far, judged in whole windows now and then."""
        from flows.controlling import LiveControl

        if self.control is None:
            self.control = LiveControl()
        if control_over(facts, self.policy) or self.control.is_due(monotonic()):
            self._join(facts)
            assert self.shadow is not None
            pairs = self.pairs_file if self.shadow.pairs.height else None
            self.rate = self.shadow.requests_per_second(facts.now) / _share(facts)
            self.control.take(pairs, self.policy.judging, self.shadow.pairs.height)
        seen = self.control
        look = fact.Look(Decision.CONTINUE, seen.facts.said, seen.pairs, self.rate)
        return replace(facts, look=look, controlled=seen.facts)

    def _smoked(self, facts: Facts) -> Facts:
        """A first version is asked a few hundred times once it is ready."""
        if facts.rollout.candidate.version not in facts.ready:
            return facts
        self.smoke = smoke(self.site, facts.rollout, self.policy)
        asked = len(self.smoke.answers)
        look = fact.Look(self.smoke.decision, self.smoke.reason, asked, requests_per_second=0.0)
        return replace(facts, look=look)

    def take_in(self, facts: Facts) -> None:
        """Join what the servers wrote since the last look and judge all of it."""
        self._join(facts)
        assert self.shadow is not None
        if self.shadow.pairs.height:
            self.verdict = judge(self.pairs_file, self.policy.judging, live=True)

    def _join(self, facts: Facts) -> None:
        self.records.read()
        self.shadow = self.records.shadow(facts.now)
        self.looks += 1
        if self.shadow.pairs.height:
            write_pairs(self.pairs_file, self.shadow.pairs, self.metadata(facts))

    def conclude(self, facts: Facts, undecided: str | None) -> str:
        """Judge the stored file once more, read to its end: that verdict is the evidence."""
        if self.smoke is not None:
            kept = evidence.keep_smoke(self.site, facts.rollout, self.smoke)
            evidence.record_smoke(self.site, facts.rollout, self.smoke, kept)
            return self.smoke.reason
        verdict = judge(self.pairs_file, self.policy.judging)
        place = evidence.keep(self.site, facts.rollout, self.pairs_file, verdict)
        evidence.record(self.site, facts.rollout, verdict, place, undecided)
        return verdict.reason

    def metadata(self, facts: Facts) -> dict[str, str | int | float]:
        """What the pair file says about itself."""
        rollout = facts.rollout
        assert rollout.stable is not None
        assert self.shadow is not None
        mirrored = facts.traffic.mirrored
        return {
            "component": rollout.component,
            "region": rollout.region,
            "baseline_revision": revision_text(rollout.stable.version, rollout.stable.digest),
            "candidate_revision": revision_text(
                rollout.candidate.version, rollout.candidate.digest
            ),
            "policy_digest": self.policy.judging.digest,
            "mirror_fraction": mirrored.fraction if mirrored else 0.0,
            "watermark": facts.now.isoformat(),
            "left_out": self.shadow.left_out,
            "requests": self.shadow.requests,
            "orphans": self.shadow.orphans,
        }


def sight(site: Site, rollout: Rollout) -> Sight:
    """An eye on this rollout."""
    policy = parse(rollout.policy_text)
    home = site.home
    records = ShadowRecords(
        directory=home.records / rollout.component / rollout.id,
        labels=home.records / rollout.component / "labels.jsonl",
        proxy_log=home.upstream_log,
        rollout_id=rollout.id,
        timeout=policy.judging.timeout,
    )
    return Sight(site, rollout.id, rollout.component, policy, records)


def revision_text(version: str, digest: str) -> str:
    """A revision as it stands in evidence: v2.1.0@sha256:..."""
    return f"{version}@sha256:{digest}"


def _share(facts: Facts) -> float:
    mirrored = facts.traffic.mirrored
    return mirrored.fraction if mirrored else 1.0
