"""The pause of a flow run while a promotion waits for a person: the verdict beside the button.

The ledger decides; this is a second way to reach it. A server that is gone costs the form, nothing
else, and a form whose process died is taken over by whoever goes on with the rollout.
"""

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectException
from prefect.input import RunInput
from prefect.input.run_input import keyset_from_paused_state
from prefect.states import Crashed, Paused, Running
from pydantic import Field, ValidationError

from flows.approve import Given
from flows.asked import prefect_answers
from flows.evidence import VERDICT_FILE
from flows.site import Site
from rollout.approval_text import question
from rollout.state import Rollout

LOST = (httpx.HTTPError, PrefectException)
UNASKED = (*LOST, ValidationError)
STOPPED = "its process ended while it waited; another flow run waits now"


class Approval(RunInput):
    """What a person fills in beside the verdict."""

    name: str = Field(min_length=1, title="Your name", description="Who answers, for the ledger.")
    approve: bool = Field(
        default=False,
        title="Approve",
        description="On: the version is judged once more, then promoted. Off: it is refused.",
    )
    reason: str = Field(default="", title="Reason", description="Why, for the ledger.")


class Pause:
    """At most one pause of this flow run, for the question that is open now."""

    def __init__(self, here: Site) -> None:
        self._site = here
        self._asked: str | None = None
        self._paused = False

    def ask(self, rollout: Rollout) -> Given | None:
        """Have the form shown, and read what was filled in; None while nobody answered."""
        if not prefect_answers(self._site):
            return None
        try:
            with get_client(sync_client=True) as client:
                return self._ask(client, rollout)
        except UNASKED as error:
            get_run_logger().warning("Prefect cannot ask: %s", type(error).__name__)
            return None

    def end(self) -> bool:
        """Let the flow run go on; False where Prefect could not be told."""
        if not self._paused:
            return True
        if not prefect_answers(self._site):
            return False
        try:
            with get_client(sync_client=True) as client:
                run = _own()
                if client.read_flow_run(run).state_type != "RUNNING":
                    client.set_flow_run_state(run, Running(), force=True)
        except LOST:
            return False
        self._paused = False
        return True

    def _ask(self, client: SyncPrefectClient, rollout: Rollout) -> Given | None:
        run, asked = _own(), _key(rollout)
        if self._asked != asked:
            left = _taken_over(client, rollout, run)
            self._asked = asked
            if left is not None:
                return left
        state = client.read_flow_run(run).state
        if state is None or not state.is_running():
            return None
        given = _given(client, run, asked)
        if given is None:
            self._paused = True
            self._pause(client, rollout, run)
        return given

    def _pause(self, client: SyncPrefectClient, rollout: Rollout, run: UUID) -> None:
        """A new pause each time: Prefect lets none be entered twice."""
        assert rollout.approval is not None
        key = f"{_key(rollout)}-{uuid4().hex[:6]}"
        state: State[Any] = Paused(pause_expiration_time=rollout.approval.until, pause_key=key)
        keys = keyset_from_paused_state(state)
        state.state_details.run_input_keyset = {str(what): key for what, key in keys.items()}
        present = client.read_flow_run(run).tags
        client.update_flow_run(run, tags={*present, rollout.component, rollout.id})
        form = Approval.with_initial_data(description=question(rollout, _verdict(rollout)))
        form.save(keys, run)
        client.set_flow_run_state(run, state)


def _own() -> UUID:
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    return context.flow_run.id


def _key(rollout: Rollout) -> str:
    """The question, as a key in Prefect: lower case, digits and hyphens."""
    assert rollout.approval is not None
    return f"{rollout.id.lower()}-{rollout.approval.at:%H%M%S%f}"


def _given(client: SyncPrefectClient, run: UUID, asked: str) -> Given | None:
    """What was filled in for this question in that flow run; a form without a name is none."""
    for found in client.filter_flow_run_input(run, f"paused-{asked}", 50, set()):
        if found.key.endswith("-response"):
            filled = Approval(**found.decoded_value)
            by = filled.name.strip()
            if by:
                return Given(filled.approve, by, "Prefect", filled.reason.strip())
    return None


def _taken_over(client: SyncPrefectClient, rollout: Rollout, own: UUID) -> Given | None:
    """Forms that others left behind are ended, because nobody reads them; an answer in one counts.

    Whoever holds the lock of the rollout is the only one that still asks.
    """
    waiting = FlowRunFilter.model_validate(
        {"tags": {"all_": [rollout.id]}, "state": {"type": {"any_": ["PAUSED", "RUNNING"]}}}
    )
    answers = []
    for run in client.read_flow_runs(flow_run_filter=waiting):
        if run.id != own:
            answers.append(_given(client, run.id, _key(rollout)))
            client.set_flow_run_state(run.id, Crashed(message=STOPPED), force=True)
    return next((given for given in answers if given is not None), None)


def _verdict(rollout: Rollout) -> dict[str, object] | None:
    """The verdict as it was kept."""
    kept = Path(rollout.judged.evidence) / VERDICT_FILE if rollout.judged else None
    if kept is None or not kept.is_file():
        return None
    verdict: dict[str, object] = json.loads(kept.read_text())
    return verdict
