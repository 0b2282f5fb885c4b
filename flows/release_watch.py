"""The eye on components that took over: what every live rule says of each at a look."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.triggers import Reading
from rollout.policy import Policy
from rollout.release_facts import Standing
from rollout.watching import detectors, runbook_rules, unread

if TYPE_CHECKING:
    from flows.release_sight import Answers


@dataclass(frozen=True, slots=True)
class ReleaseWatch:
    """The live rules over what a release answers; its `components` divide the detectors' level."""

    rows: "Answers"
    policy: Policy
    components: int

    def look(self, here: Standing) -> Sequence[Reading]:
        """What the triggers say that look at requests; Unavailable while nobody counts them."""
        watch = here.watch
        assert watch is not None
        past = watch.past_p95_ms
        self.rows.read()
        slow_ms = self.policy.live_rules.response_time.limit_ms(past)
        name, version = here.component.name, here.target.version
        seen = self.rows.seen(name, version, watch.since, slow_ms)
        rules = runbook_rules(seen, past, self.policy)
        late = detectors(seen, past, self.policy, self.components)
        return unread([*rules, *late], seen, self.policy)
