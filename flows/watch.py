"""The eye of a watch: what the version that serves does, read by every trigger at each look."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from analysis.columns import NO_TIME
from analysis.late_triggers import Answers, accuracy
from analysis.triggers import Reading
from flows.health_checks import HealthChecks
from flows.site import Site
from models.live import Live, LiveRows
from rollout.facts import Watched
from rollout.policy import Policy
from rollout.state import Rollout, Watch
from rollout.watch_words import ACCURACY
from rollout.watching import Seen, detectors, runbook_rules, watched_of


@dataclass
class Watcher:
    """Rows, labels and health checks of one promotion; all but the checks can be read again."""

    site: Site
    component: str
    version: str
    policy: Policy
    watch: Watch
    rows: LiveRows
    readings: list[Reading] = field(default_factory=list)
    _health: HealthChecks = field(init=False)

    def __post_init__(self) -> None:
        asked = partial(self.site.serving.failed, self.component, self.version)
        self._health = HealthChecks(asked, self.policy.live_rules.health)

    def look(self, now: datetime) -> Watched:
        """Read what is new and ask every trigger."""
        self._health.ask()
        live = self.rows.read(now)
        self.readings = [*self._rules(live), self._health.reading(), *self._detectors(live)]
        return watched_of(self.readings)

    def read(self, live: Live) -> list[Reading]:
        """What the triggers that look at requests say of these."""
        return [*self._rules(live), *self._detectors(live)]

    def _rules(self, live: Live) -> list[Reading]:
        """The runbook's rules in minutes."""
        return runbook_rules(_seen(live), self.watch.past_p95_ms, self.policy)

    def _detectors(self, live: Live) -> list[Reading]:
        """The same limits, looked at every second, and accuracy on a bound."""
        policy, judging = self.policy, self.policy.judging
        right = accuracy(
            ACCURACY,
            _answers(live),
            judging.accuracy,
            policy.live_rules.accuracy.below_percent / 100,
            judging.rollback_level(judging.gates["accuracy-absolute"]),
            judging.label_window,
            policy.watch.seconds,
        )
        return [right, *detectors(_seen(live), self.watch.past_p95_ms, policy)]


def watcher(site: Site, rollout: Rollout, policy: Policy) -> Watcher:
    """An eye on a promotion that is being watched."""
    watch = rollout.watch
    assert watch is not None
    rows = LiveRows(
        site.home.records / rollout.component,
        rollout.candidate.version,
        watch.since,
        timeout=policy.judging.timeout,
        slow_ms=policy.live_rules.response_time.limit_ms(watch.past_p95_ms),
    )
    return Watcher(site, rollout.component, rollout.candidate.version, policy, watch, rows)


def _seen(live: Live) -> Seen:
    """The same for the live rules: of a model every request is timed."""
    return Seen(live.requests, live.errors, live.requests, live.slow, live.unfinished)


def _answers(live: Live) -> Answers:
    table = live.answers
    return Answers(
        arrived_us=table["at"].to_numpy(),
        prediction=table["prediction"].to_numpy(),
        label=table["label"].to_numpy(),
        labelled_us=table["labelled_at"].fill_null(NO_TIME).to_numpy(),
        numbers=live.numbers,
        watermark_us=live.watermark_us,
    )
