"""A rollout as Prefect shows it: a task per step, one page that stays current, a bar, a table."""

import re
import time
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.context import TagsContext
from prefect.tasks import Task

from flows.approve import Given
from flows.asked import prefect_answers
from flows.pause import LOST, Pause
from flows.site import Site
from rollout.live import markdown, percent_done, table
from rollout.state import Rollout

T = TypeVar("T")

SHOW_EVERY = 2.0
SHOW_ASKED_EVERY = 60.0


class InPrefect:
    """Records the steps of one flow run; a server that is gone costs the record, nothing else."""

    def __init__(self, here: Site) -> None:
        self._site = here
        self._page: UUID | None = None
        self._bar: UUID | None = None
        self._shown = 0.0
        self._decision: str | None = None
        self._pending: bool | None = None
        self._pause = Pause(here)

    def ask(self, rollout: Rollout) -> Given | None:
        """Pause with the verdict and a form; what somebody filled in, once that has happened."""
        return self._pause.ask(rollout)

    def go_on(self) -> bool:
        """Take the flow run out of its pause; False as long as Prefect does not take it."""
        return self._pause.end()

    def step(self, name: str, function: Callable[..., T], *arguments: Any) -> T:
        """Run it as a task of that name, never from a cache."""
        recorded: Task[..., T] = Task(function, name=name, cache_policy=NO_CACHE)
        # A task with tags asks the server for their limits first, for minutes where that hangs.
        with TagsContext():
            answer = recorded(*arguments)
        if isinstance(answer, str):
            get_run_logger().info("%s: %s", name, answer)
        return answer

    def show(self, progress: dict[str, Any]) -> None:
        """Bring page and bar up to date, every two seconds and whenever the decision changes.

        While a person is waited for there is nothing new to show but that.
        """
        changed = progress["decision"] != self._decision or progress["finished"]
        pending = progress["approval"] and progress["approval"]["pending"]
        changed = changed or pending != self._pending
        every = SHOW_ASKED_EVERY if pending else SHOW_EVERY
        if not changed and time.monotonic() - self._shown < every:
            return
        self._shown = time.monotonic()
        if not prefect_answers(self._site):
            return
        try:
            self._write(progress)
        except LOST as error:
            get_run_logger().warning("Prefect lost a page: %s", type(error).__name__)
            return
        self._decision = progress["decision"]
        self._pending = pending

    def _write(self, progress: dict[str, Any]) -> None:
        named = f"{progress['component']}-{progress['candidate']}".lower()
        key = re.sub(r"[^a-z0-9]+", "-", named)
        text = markdown(progress)
        share = percent_done(progress)
        if self._page is None:
            self._page = _id(create_markdown_artifact(text, key=key, description="present state"))
            self._bar = _id(create_progress_artifact(share, key=f"{key}-progress"))
        else:
            with get_client(sync_client=True) as client:
                client.update_artifact(self._page, ArtifactUpdate(data=text))
            assert self._bar is not None
            update_progress_artifact(self._bar, share)
        rows = table(progress) if progress["finished"] else []
        if rows:
            create_table_artifact(rows, key=f"{key}-table", description="where it ended")


def _id(answer: Any) -> UUID:
    assert isinstance(answer, UUID)
    return answer
