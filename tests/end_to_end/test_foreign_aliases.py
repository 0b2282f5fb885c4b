"""Somebody moves an alias in MLflow, at each moment of a rollout: it is named, never obeyed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from story_parts import Story

from benchmarks.race_pairs import ALIKE, GOOD, OTHER, PATIENT, STABLE, on_stable, rest
from benchmarks.races import compared
from flows import aliases
from flows.deploy import deploy_model
from flows.openers import Request
from flows.platform import traffic
from flows.promote import promote_model
from flows.recorder import Unrecorded
from flows.refusal import Exit, Refused
from flows.rehearsal.small_client import Client
from flows.rehearsal.small_site import MODEL, UNWATCHED, SmallSite
from flows.resume import keep_serving, resume

pytestmark = [pytest.mark.site, pytest.mark.timeout(400)]

T = TypeVar("T")
SHORT_WATCH = f"{PATIENT}\n[rollout.watch]\nseconds = 2\n"


@dataclass
class Hand:
    """A foreign hand in the registry, through its REST API, as MLflow's pages use it."""

    here: SmallSite

    def move(self, alias: str, to: str) -> None:
        """Point an alias at a release, at a version without manifest, or at nothing."""
        rest = self.here.site.registry.rest
        if to == "gone":
            rest.delete("registered-models/alias", {"name": MODEL, "alias": alias})
            return
        number = self.bare() if to == "bare" else self.number(to)
        body = {"name": MODEL, "alias": alias, "version": str(number)}
        rest.post("registered-models/alias", body)

    def number(self, release: str) -> int:
        """MLflow's number of a release."""
        return self.here.site.registry.version(MODEL, release).number

    def bare(self) -> int:
        """A version that was made in MLflow: without release and manifest."""
        registry = self.here.site.registry
        for version in registry.versions(MODEL):
            if version.release is None:
                return version.number
        known = registry.version(MODEL, GOOD)
        body = {"name": MODEL, "source": known.source, "run_id": known.run_id}
        made = registry.rest.post("model-versions/create", body)
        return int(made["model_version"]["version"])


class Meddling(Unrecorded):
    """Right after the step of that name somebody moves an alias."""

    def __init__(self, step: str, move: Callable[[], None]) -> None:
        self._step = step
        self._move: Callable[[], None] | None = move

    def step(self, name: str, function: Callable[..., T], *arguments: Any) -> T:
        answer = function(*arguments)
        if name == self._step and self._move is not None:
            self._move()
            self._move = None
        return answer

    def show(self, progress: dict[str, Any]) -> None:
        if progress["phase"] == self._step and self._move is not None:
            self._move()
            self._move = None


@pytest.fixture(scope="module")
def client(story: Story) -> Iterator[Client]:
    """Requests from outside; none of them may fail, or be answered by what an alias names."""
    with story.here.load() as running:
        yield running
    assert running.failures == []
    assert set(running.by_version) <= {STABLE, GOOD, ALIKE}


@pytest.fixture
def hand(here: SmallSite, client: Client) -> Iterator[Hand]:
    """v1.0.0 serves, v2.0.0 did before, and the aliases say so; also afterwards."""
    on_stable(here)
    assert compared(here) == []
    yield Hand(here)
    keep_serving(here.site, MODEL)
    rest(here)


def named(here: SmallSite) -> list[str]:
    """What `status` says of the foreign moves, without the way to settle them."""
    way = f": pincex resume {MODEL} --keep-serving or --follow-alias settles it"
    found = compared(here)
    assert all(difference.endswith(way) for difference in found), found
    return [difference.removesuffix(way) for difference in found]


def refused(call: Callable[[], object]) -> Refused:
    """What a command refused, having changed nothing."""
    with pytest.raises(Refused) as caught:
        call()
    assert (caught.value.code, caught.value.changed) == (Exit.FAILED, "Nothing was changed.")
    return caught.value


def settled(here: SmallSite) -> list[str]:
    """Set back to what serves; what was overruled, which the ledger keeps, too."""
    serving_before = traffic(here.site, MODEL)
    overruled: list[str] = keep_serving(here.site, MODEL)["overruled"]
    assert traffic(here.site, MODEL) == serving_before
    assert compared(here) == []
    assert here.rows("aliases")[-1].data["overruled"] == overruled
    assert aliases.owed(here.site, MODEL) == []
    return overruled


MOVES = {
    "champion to another": ("champion", ALIKE, f"points to {ALIKE}", STABLE),
    "champion to one without manifest": ("champion", "bare", "points to version ", STABLE),
    "champion deleted": ("champion", "gone", "is gone", STABLE),
    "previous to another": ("previous", ALIKE, f"points to {ALIKE}", GOOD),
    "previous deleted": ("previous", "gone", "is gone", GOOD),
    "challenger from nowhere": ("challenger", ALIKE, f"points to {ALIKE}", "nothing"),
}


@pytest.mark.parametrize(("alias", "to", "says", "ledger"), MOVES.values(), ids=MOVES.keys())
def test_at_rest(hand: Hand, alias: str, to: str, says: str, ledger: str) -> None:
    """Named by status and by what it blocks, before a deploy and before a promotion."""
    here = hand.here
    hand.move(alias, to)

    (said,) = named(here)
    assert said.startswith(f"alias {alias} {says}")
    assert said.endswith(f", the ledger says {ledger}")
    request = Request(MODEL, GOOD, UNWATCHED)
    for blocked in (
        lambda: deploy_model(here.site, request, Unrecorded()),
        lambda: promote_model(here.site, MODEL, GOOD, "a test", Unrecorded()),
        lambda: resume(here.site, MODEL, Unrecorded()),
    ):
        why = refused(blocked)
        assert why.message.startswith(f"{MODEL}: {said}")
        assert why.hint == f"pincex resume {MODEL} --keep-serving   or   --follow-alias"
    assert traffic(here.site, MODEL).weights == {STABLE: 100}
    assert settled(here) == [said]


@pytest.mark.long
def test_during_a_shadow_and_before_its_promotion(hand: Hand) -> None:
    """The shadow goes on to its verdict; with its PASS it waits until somebody settled it."""
    here, moved = hand.here, f"alias champion points to {ALIKE}, the ledger says {STABLE}"
    lost = f"alias challenger is gone, the ledger says {GOOD}"
    meddling = Meddling("shift", lambda: hand.move("champion", ALIKE))
    code, report = deploy_model(here.site, Request(MODEL, GOOD, UNWATCHED), meddling)

    assert (code, report["decision"]) == (Exit.DONE, "PROMOTE")
    assert named(here) == [moved]
    assert (
        moved in refused(lambda: promote_model(here.site, MODEL, GOOD, None, Unrecorded())).message
    )
    assert settled(here) == [moved]

    hand.move("challenger", "gone")
    assert named(here) == [lost]
    assert (
        lost in refused(lambda: promote_model(here.site, MODEL, None, None, Unrecorded())).message
    )
    assert settled(here) == [lost]
    assert traffic(here.site, MODEL).weights == {STABLE: 100}


@pytest.mark.long
@pytest.mark.parametrize("moment", ["shift", "WATCHING"], ids=["PROMOTING", "WATCHING"])
def test_during_a_promotion(hand: Hand, moment: str) -> None:
    """Traffic goes where the promotion leads; what somebody made of the alias is named."""
    here = hand.here
    here.hold_to(SHORT_WATCH)
    meddling = Meddling(moment, lambda: hand.move("champion", OTHER))
    code, report = promote_model(here.site, MODEL, ALIKE, "a test", meddling)

    moved = f"alias champion points to {OTHER}, the ledger says {ALIKE}"
    assert (code, report["ending"]) == (Exit.DONE, "PROMOTED")
    assert named(here) == [moved]
    assert traffic(here.site, MODEL).weights == {ALIKE: 100}
    assert aliases.owed(here.site, MODEL) == [], "the keeper would try in vain for ever"
    assert settled(here) == [moved]


@pytest.mark.long
@pytest.mark.parametrize("to", [OTHER, "gone"])
def test_before_a_rollback(hand: Hand, to: str) -> None:
    """An undo waits for no registry: traffic moves, and the command names the alias."""
    here = hand.here
    hand.move("champion", to)
    ran = here.pincex("rollback-model", MODEL)

    (said,) = named(here)
    assert said.startswith("alias champion ")
    assert (ran.code, ran.report["to"]) == (0, GOOD)
    assert said in ran.report["bookkeeping"]
    assert traffic(here.site, MODEL).weights == {GOOD: 100}
    assert said in settled(here)


NOT_TO_FOLLOW = {
    "without manifest": ("champion", "bare", "has no manifest, so it cannot be followed"),
    "deleted": ("champion", "gone", "is gone, the ledger says v1.0.0: there is nothing to follow"),
    "another alias": ("previous", ALIKE, f"nobody moved the champion alias of {MODEL}"),
}


@pytest.mark.parametrize(("alias", "to", "why"), NOT_TO_FOLLOW.values(), ids=NOT_TO_FOLLOW.keys())
def test_what_cannot_be_followed_stays_named(hand: Hand, alias: str, to: str, why: str) -> None:
    """`--follow-alias` refuses before it sets anything back."""
    hand.move(alias, to)
    before = named(hand.here)

    ran = hand.here.pincex("resume", MODEL, "--follow-alias")

    assert ran.code == 1
    assert why in ran.report["error"]
    assert named(hand.here) == before


@pytest.mark.long
def test_a_followed_alias_is_a_promotion(hand: Hand) -> None:
    """Traffic moves by the front door: recorded with its reason, watched, undone like any other."""
    here = hand.here
    hand.move("champion", ALIKE)
    ran = here.pincex("resume", MODEL, "--follow-alias")

    assert ran.code == 0, ran
    assert (ran.report["version"], ran.report["phase"]) == (ALIKE, "WATCHING")
    assert here.rows("served")[-1].data["override"] == f"follow-alias: champion named {ALIKE}"
    assert named(here) == []


def test_who_takes_the_move_back_has_settled_it(hand: Hand) -> None:
    """Status is content again, and resume has nothing to do."""
    hand.move("champion", ALIKE)
    assert named(hand.here) != []
    hand.move("champion", STABLE)

    assert named(hand.here) == []
    assert "is open" in refused(lambda: resume(hand.here.site, MODEL, Unrecorded())).message
