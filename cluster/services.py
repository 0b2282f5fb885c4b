"""How the versions of an application's services run and get requests: the same on every site."""

from collections.abc import Mapping
from typing import Protocol

from cluster.errors import Invalid
from cluster.lock import Lease
from cluster.route import Calls, Route
from rollout.application import Component, ReleaseStep
from rollout.release_facts import Fault

OF_SERVERS = ("{port}", "{instance}")


class Services(Protocol):
    """The services of one site; versions are release strings, times seconds.

    `by_instances` says that a share of the requests is one of whole instances.
    """

    @property
    def by_instances(self) -> bool: ...

    @property
    def how(self) -> str:
        """Who divides the requests, in words for a plan."""

    def require_runnable(self, part: Component) -> None:
        """Invalid, with what would be right, for a description that this site cannot run."""

    def require_rights(self) -> None:
        """Refused where whoever asks could not do all of a rollout, naming what is missing."""

    def losses(self, part: Component) -> list[str]:
        """What in the way a component runs would lose requests in a rollout, each in words."""

    def versions_up(self, component: str) -> list[str]:
        """The versions that have servers, or whose servers are only being started."""

    def is_ready(self, part: Component, version: str) -> bool:
        """Whether every instance of a version would get requests."""

    def fault(self, part: Component, version: str, beside: str | None) -> Fault | None:
        """What makes it pointless to go on with a version, found from the servers themselves."""

    def failed(self, part: Component, version: str) -> Mapping[str, bool]:
        """One health check of each server of a version: whether it failed."""

    def route(self, component: str) -> Route:
        """Who gets a component's requests; NotFound where nobody, Owned where others changed it."""

    def start(
        self, part: Component, version: str, within: float, lease: Lease, *, forced: bool
    ) -> None:
        """Run a version until all of it can serve; the same again changes nothing.

        NotReady says in words why it cannot. `forced` takes what others changed: for an undo.
        """

    def run_step(self, part: Component, version: str, step: ReleaseStep, lease: Lease) -> None:
        """Run a release step to its end, never twice at once; NotReady, lasting, where it fails.

        One whose command was killed may run again: a step must be safe to run twice.
        """

    def set_route(
        self, part: Component, route: Route, within: float, lease: Lease, *, forced: bool
    ) -> None:
        """Set the shares and read them back.

        Refused for a version that is not up; where its servers do not serve, that or NotReady, and
        nothing is taken from the others.
        """

    def retire(
        self, part: Component, version: str, within: float, quiet_within: float, lease: Lease
    ) -> str:
        """Drain and end the servers of a version; how it was drained, in words.

        Once it gets no requests any more, or `quiet_within` has passed, they may take `within` to
        end. Refused while it gets requests by the route. Of what acts alone each server must have
        ended; of others one that nobody can reach any more may be left behind.
        """


def require_steps(part: Component) -> None:
    """Invalid where a release step would be told what only a server has."""
    for step in part.release_steps:
        for word in OF_SERVERS:
            if word in " ".join(step.command):
                raise Invalid(
                    f"{part.name}: its release step {step.name} has no {word}",
                    hint=f"only the command of a server may hold {word}",
                )


def calls_of(part: Component) -> Calls:
    """What the requests of a component allow, in the words of the platform."""
    return Calls(part.paths, part.idempotent, part.mirrorable, part.single)
