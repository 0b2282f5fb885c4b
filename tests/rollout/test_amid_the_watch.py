"""What `python -m benchmarks orders` says of its rollbacks, read from the ledger."""

from rollout_parts import V1, V2, closed, opened, phase

from benchmarks.orders import amid_the_watch
from rollout.state import Phase, Verb

RELEASE = [opened("r-1", V2, verb=Verb.RELEASE)]
WATCHED = [*RELEASE, phase("r-1", Phase.WATCHING)]
BACK = opened("r-2", V1, stable=V2, verb=Verb.RETURN)


def test_a_rollback_is_amid_the_watch_while_the_ledger_has_it_open() -> None:
    """Not at a step before it, nor once it has ended, however soon after the deploy it was."""
    assert amid_the_watch([*WATCHED, BACK]) == 1
    assert amid_the_watch([*RELEASE, BACK]) == 0
    assert amid_the_watch([*WATCHED, closed("r-1", "PROMOTED"), BACK]) == 0
