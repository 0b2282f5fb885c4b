"""A site of values for the decision about services: it does what is decided."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from rollout.application import Application, Component, parse_application
from rollout.deploying import decide_release
from rollout.facts import Enter, Watched
from rollout.policy import default_policy_text, parse
from rollout.release import Harm, Side, Step, StepCounts, StepLook
from rollout.release_facts import (
    End,
    EndWatch,
    Fault,
    Judge,
    ReleaseAction,
    ReleaseFacts,
    Retire,
    Run,
    Standing,
    Start,
    Take,
    Unobserve,
    Wait,
    Weigh,
)
from rollout.state import Decision, Phase, Revision, Rollout, Verb, Watch

T0 = datetime(2026, 11, 27, 12, tzinfo=UTC)
POLICY = parse(default_policy_text())
SHOP = parse_application("""
[application]
name = "shop"

[component.prices]
command = ["prices", "{port}"]
runs = "many"

[component.orders]
command = ["orders", "{port}"]
dependencies = ["prices"]
runs = "many"

[component.settlement]
command = ["settlement", "{port}"]
dependencies = ["orders"]
""")
GOOD = StepLook(Decision.PROMOTE, "fine", StepCounts(Side(1000)))
BAD = StepLook(Decision.ROLLBACK, "errors 30 %", StepCounts(Side(1000, errors=300)))
OPEN = StepLook(Decision.CONTINUE, "40 of 200 requests", StepCounts(Side(40)))

WELL = Watched(None, ())

Judged = Callable[[str, int], StepLook]
Watching = Callable[[str, float], Watched]


@dataclass
class Shop:
    """The platform and the ledger of one application, moved by the actions that are decided.

    `look` says how a component is judged at a share, `watching` what the triggers say of it so
    many seconds after it took over; `broken` versions never become ready, and `failing` release
    steps fail.
    """

    look: Judged = lambda component, share: GOOD
    watching: Watching = lambda component, seconds: WELL
    blind: str | None = None
    broken: frozenset[tuple[str, str]] = frozenset()
    failing: frozenset[str] = frozenset()
    described: Application = SHOP
    now: datetime = T0
    weights: dict[str, dict[str, int]] = field(default_factory=dict)
    observed: dict[str, str | None] = field(default_factory=dict)
    up: dict[str, set[str]] = field(default_factory=dict)
    serving: dict[str, Revision] = field(default_factory=dict)
    before: dict[str, Revision] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
    ran: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    crossed: set[tuple[str, str]] = field(default_factory=set)
    taken: dict[str, datetime] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    phase: Phase = Phase.SHIFTING
    harm: Harm | None = None
    failure: Fault | None = None
    actions: list[ReleaseAction] = field(default_factory=list)

    def opened(self, verb: Verb, version: str, targets: Mapping[str, str] | None = None) -> Rollout:
        """A rollout begins from what serves now."""
        self.before, self.steps, self.harm = dict(self.serving), {}, None
        self.failure, self.taken, self.ended, self.phase = None, {}, {}, Phase.SHIFTING
        self.targets = targets or {part.name: version for part in self.described.services}
        stable = Revision("before", "d")
        return Rollout(
            "r-1", verb, "shop", "local", stable, Revision(version, "d"), POLICY.text,
            1.0, 1.0, "me", self.now, Phase.SHIFTING,
        )  # fmt: skip

    def facts(self, rollout: Rollout) -> ReleaseFacts:
        """What a look finds."""
        services = [part for part in self.described.services if part.name in self.targets]
        standings = [self._standing(part) for part in services]
        now_in = replace(rollout, phase=self.phase)
        return ReleaseFacts(self.now, now_in, standings, self.harm, 0.0, self.failure)

    def run(self, rollout: Rollout, stop_after: int = 10_000) -> End | None:
        """Act until it has ended, or for so many actions."""
        for _ in range(stop_after):
            action = decide_release(self.facts(rollout), POLICY)
            self.actions.append(action)
            self._perform(action, rollout)
            if isinstance(action, End):
                return action
        return None

    def alive(self, component: str) -> bool:
        """Every version that gets requests has servers that are ready."""
        return set(self.weights.get(component, {})) <= self.ready(component)

    def ready(self, component: str) -> set[str]:
        """The versions that could answer."""
        return {one for one in self.up.get(component, ()) if (component, one) not in self.broken}

    def _standing(self, part: Component) -> Standing:
        name, target = part.name, Revision(self.targets[part.name], "d")
        step, share = self.steps.get(name), self.weights.get(name, {}).get(target.version, 0)
        watch = self._watch(name, target)
        age = (self.now - watch.since).total_seconds() if watch else 0.0
        seen = watch is not None and name not in self.ended and self.blind is None
        return Standing(
            part, target, self.before.get(name), self.serving.get(name), step,
            dict(self.weights.get(name, {})), self.observed.get(name),
            frozenset(self.ready(name)), frozenset(self.up.get(name, ())),
            requests_before=500, past_p95_ms=4.0,
            look=self.look(name, share) if share else None,
            ran=self.ran.get((name, target.version), frozenset()),
            crossed=(name, target.version) in self.crossed,
            watch=watch, watched=self.watching(name, age) if seen else None,
            watch_ended=self.ended.get(name), blind=self.blind,
        )  # fmt: skip

    def _watch(self, name: str, target: Revision) -> Watch | None:
        """That of a component that took over from another version."""
        took_over = self.serving.get(name) == target and self.before.get(name) not in (None, target)
        if not took_over or name not in self.taken:
            return None
        step = self.steps.get(name)
        return Watch(self.taken[name], POLICY.watch.seconds, step.past_p95_ms if step else None)

    def _perform(self, action: ReleaseAction, rollout: Rollout) -> None:
        self.now += timedelta(seconds=1)
        match action:
            case Start(component, revision):
                self.up.setdefault(component, set()).add(revision.version)
                if (component, revision.version) in self.broken:
                    self.failure = Fault("it does not start", of_version=False)
            case Run(component, revision, step):
                served = {self.serving.get(name) for name in self.targets}
                assert step.reversible or served == {revision}, "too early"
                if not step.reversible:
                    self.crossed.add((component, revision.version))
                if step.name in self.failing:
                    self.failure = Fault(f"{step.name} failed", of_version=True)
                else:
                    done = self.ran.get((component, revision.version), frozenset())
                    assert step.name not in done, "a second time"
                    self.ran[component, revision.version] = done | {step.name}
            case Weigh(component, weights, observe, past):
                assert set(weights) <= self.ready(component), "traffic to nobody"
                self.weights[component] = dict(weights)
                self.observed[component] = rollout.id if observe else None
                share = weights.get(self.targets[component], 0)
                self.steps[component] = Step(share, self.now, past)
            case Judge(component, Decision.PROMOTE, _):
                self.steps[component] = replace(self.steps[component], passed=True)
            case Judge(component, decision, reason):
                self.harm = Harm(component, decision, reason)
            case Take(component, to, _):
                self.serving[component] = to
                self.taken[component] = self.now
            case Unobserve(component):
                self.observed[component] = None
            case Enter(phase):
                self.phase = phase
            case EndWatch(component, reason):
                self.ended[component] = reason
            case Retire(component, version):
                assert version not in self.weights.get(component, {}), "ended while it serves"
                self.up[component].discard(version)
            case Wait(_, seconds, _):
                self.now += timedelta(seconds=seconds)
            case End():
                pass


def running(version: str = "v1", **changes: object) -> Shop:
    """A shop in which a version serves everywhere."""
    shop = Shop()
    shop.run(shop.opened(Verb.RELEASE, version))
    shop.actions.clear()
    return replace(shop, actions=[], **changes)  # type: ignore[arg-type]
