"""The eye of a watch: what the version that serves does, read by every trigger at each look."""

from dataclasses import dataclass, field
from datetime import datetime
from threading import Thread
from time import monotonic

import numpy as np

from analysis.columns import NO_TIME
from analysis.late_triggers import Answers, accuracy, late_harm, sustained_harm
from analysis.triggers import (
    P95_TAIL,
    Counts,
    Reading,
    Rule,
    State,
    above_in_a_row,
    failed_in_a_row,
)
from cluster.errors import ClusterError
from flows.site import Site
from models.live import Live, LiveRows
from rollout.facts import Watched
from rollout.policy import Policy
from rollout.state import Rollout, Watch
from rollout.watch_words import (
    ACCURACY,
    ERRORS,
    ERRORS_LATE,
    HEALTH,
    RESPONSE_TIME,
    RESPONSE_TIME_LATE,
)

# The gate whose share of the rollback budget a detector spends.
LEVEL_OF = {
    ERRORS_LATE: "errors-late-absolute",
    RESPONSE_TIME_LATE: "gross-frozen-p95",
    ACCURACY: "accuracy-absolute",
}


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
    _checks: dict[str, list[bool]] = field(default_factory=dict)
    _checked: float = float("-inf")
    _asking: Thread | None = None
    _unheard: str | None = None

    def look(self, now: datetime) -> Watched:
        """Read what is new and ask every trigger."""
        self._check_health()
        live = self.rows.read(now)
        self.readings = [*self._rules(live), self._health(), *self._detectors(live)]
        firing = [reading.reason for reading in self.readings if reading.state is State.FIRING]
        unjudged = [
            reading.name
            for reading in self.readings
            if reading.state not in (State.FIRING, State.QUIET)
        ]
        return Watched("; ".join(firing) or None, tuple(unjudged))

    def read(self, live: Live) -> list[Reading]:
        """What the triggers that look at requests say of these."""
        return [*self._rules(live), *self._detectors(live)]

    def _check_health(self) -> None:
        """Ask each server, no more often than the policy says, beside the looks.

        A server that hangs takes its time to say so; the errors of the others cannot wait for it.
        """
        asking = self._asking is not None and self._asking.is_alive()
        if asking or monotonic() < self._checked + self.policy.live_rules.health.every:
            return
        self._checked = monotonic()
        self._asking = Thread(target=self._ask_servers, daemon=True)
        self._asking.start()

    def _ask_servers(self) -> None:
        """One check of each server, which keeps its own record."""
        try:
            checked = self.site.serving.failed(self.component, self.version)
        except ClusterError as error:
            self._unheard = str(error)
            return
        self._unheard = None
        for server, failed in checked.items():
            self._checks.setdefault(server, []).append(failed)

    def _health(self) -> Reading:
        if self._unheard is not None:
            return Reading(HEALTH, State.NOT_JUDGED, "nobody tells", self._unheard, None)
        rule = self.policy.live_rules.health
        checks = [list(made) for made in list(self._checks.values())]
        return failed_in_a_row(HEALTH, checks, rule.failed_checks, rule.every)

    def _rules(self, live: Live) -> list[Reading]:
        """The runbook's rules in minutes."""
        rules, watch = self.policy.live_rules, self.policy.watch
        errors = Rule(
            ERRORS, rules.errors.above_percent / 100, rules.errors.minutes, watch.min_requests
        )
        slow = Rule(RESPONSE_TIME, P95_TAIL, rules.response_time.minutes, watch.min_requests)
        found = [above_in_a_row(errors, Counts(live.requests, live.errors), watch.minute, "errors")]
        if self.watch.past_p95_ms is None:
            return [*found, _no_past(RESPONSE_TIME)]
        counts = Counts(live.requests, live.slow)
        return [*found, above_in_a_row(slow, counts, watch.minute, self._slow())]

    def _detectors(self, live: Live) -> list[Reading]:
        """The same limits, looked at every second, and accuracy on a bound."""
        policy = self.policy
        seconds, minute = policy.watch.seconds, policy.watch.minute
        errors = late_harm(
            ERRORS_LATE,
            _up_to_now(live),
            policy.live_rules.errors.above_percent / 100,
            self._level(ERRORS_LATE),
            seconds,
            minute,
            "errors",
        )
        slow = _no_past(RESPONSE_TIME_LATE)
        if self.watch.past_p95_ms is not None:
            counts = Counts(live.requests, live.slow)
            level = self._level(RESPONSE_TIME_LATE)
            slow = sustained_harm(
                RESPONSE_TIME_LATE, counts, P95_TAIL, level, seconds, minute, self._over()
            )
        right = accuracy(
            ACCURACY,
            _answers(live),
            policy.judging.accuracy,
            policy.live_rules.accuracy.below_percent / 100,
            self._level(ACCURACY),
            policy.judging.label_window,
            seconds,
        )
        return [right, errors, slow]

    def _level(self, name: str) -> float:
        judging = self.policy.judging
        return judging.rollback_level(judging.gates[LEVEL_OF[name]])

    def _over(self) -> str:
        past = self.watch.past_p95_ms
        assert past is not None
        limit = self.policy.live_rules.response_time.limit_ms(past)
        return f"p95 over {limit:.3g} ms (past p95 {past:.3g} ms)"

    def _slow(self) -> str:
        return f"{self._over()}: slower are"


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


def _no_past(name: str) -> Reading:
    why = "the version before answered too few requests to know its past p95"
    return Reading(name, State.NOT_JUDGED, "past p95 unknown", why, None)


def _up_to_now(live: Live) -> Counts:
    """Errors with the second that has not ended: a product of bets may be looked at in it, too."""
    requests, errors = live.unfinished
    return Counts(np.append(live.requests, requests), np.append(live.errors, errors))


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
