"""Where the steps of a flow process are recorded: in Prefect, beside the loop, or nowhere."""

from collections.abc import Callable
from contextvars import copy_context
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from flows.approve import Given
    from rollout.state import Rollout

T = TypeVar("T")

PAGE_PATIENCE = 5.0


class Steps(Protocol):
    """Where the steps of a flow are recorded: in Prefect, or nowhere."""

    def step(self, name: str, function: Callable[..., T], *arguments: Any) -> T: ...
    def show(self, progress: dict[str, Any]) -> None: ...


class Recorder(Steps, Protocol):
    """The record of a flow, in which a person may be asked; `go_on` is False while it cannot."""

    def ask(self, rollout: "Rollout") -> "Given | None": ...
    def go_on(self) -> bool: ...


class Unrecorded:
    """The same loop without Prefect's record."""

    def step(self, name: str, function: Callable[..., T], *arguments: Any) -> T:
        return function(*arguments)

    def show(self, progress: dict[str, Any]) -> None:
        """Nobody watches here; the progress file is written all the same."""

    def ask(self, rollout: "Rollout") -> "Given | None":
        """Nobody can be asked here; `pincex approve` answers all the same."""

    def go_on(self) -> bool:
        return True


class Aside:
    """The record of what must not wait for Prefect: pages are written beside the loop.

    So of a watch, of a wait for a person and of services. Its own steps are not recorded.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._writing: Thread | None = None
        self._shown: dict[str, Any] | None = None

    def step(self, name: str, function: Callable[..., T], *arguments: Any) -> T:
        return function(*arguments)

    def show(self, progress: dict[str, Any]) -> None:
        """Write the page unless the one before is still being written."""
        self._shown = progress
        if self._writing is not None and self._writing.is_alive():
            return
        # The copy tells the thread which flow run it writes for.
        arguments = (self.recorder.show, progress)
        self._writing = Thread(target=copy_context().run, args=arguments, daemon=True)
        self._writing.start()

    def end(self) -> bool:
        """Wait a moment for the page that is being written; whether it is."""
        if self._writing is None:
            return True
        self._writing.join(PAGE_PATIENCE)
        return not self._writing.is_alive()

    def left(self, reason: str) -> None:
        """Say on the last page that somebody else goes on: it would stay under way for ever."""
        if self._shown is not None:
            self.finish({**self._shown, "finished": True, "phase": "LEFT", "reason": reason})

    def finish(self, progress: dict[str, Any]) -> None:
        """Write the last page after all others; not at all where one of them hangs."""
        if self.end():
            self.recorder.show(progress)
