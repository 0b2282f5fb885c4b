"""How the servers of a model's versions run and get requests: the same on every site."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from cluster.lock import Lease
from cluster.route import Route


@dataclass(frozen=True, slots=True)
class Servers:
    """How a version runs: `count` times Python with these arguments and this environment.

    `{host}`, `{port}` and `{instance}` are filled in where a server runs.
    """

    component: str
    version: str
    arguments: tuple[str, ...]
    env: Mapping[str, str]
    count: int


class Serving(Protocol):
    """The servers of one site's models; times in seconds.

    `forced` takes what other people or programs changed: for what undoes. `shares_copies` says
    whether a share of the requests can be copied and told from the others.
    """

    @property
    def shares_copies(self) -> bool: ...

    def require_able(self, component: str, version: str | None) -> None:
        """Refused, Invalid or Forbidden, saying why, where a rollout could not be done.

        None for a version that will be named later.
        """

    def versions_up(self, component: str) -> list[str]:
        """The versions that have servers, or whose servers are only being started."""

    def is_ready(self, component: str, version: str) -> bool:
        """Whether a version has a server that would get requests."""

    def servers(self, component: str, version: str) -> list[str]:
        """The names of a version's servers, sorted; none where it has none."""

    def failed(self, component: str, version: str) -> Mapping[str, bool]:
        """One health check of each server of a version: whether it failed."""

    def ask(self, component: str, server: str, body: bytes) -> int | None:
        """Have one server predict, past all routes: the status; None where it did not answer."""

    def route(self, component: str) -> Route:
        """Who gets a component's requests; NotFound where nobody."""

    def set_route(self, component: str, route: Route, lease: Lease, *, forced: bool) -> None:
        """Set the shares and the copies, and read them back."""

    def start(self, servers: Servers, within: float, lease: Lease, *, forced: bool) -> None:
        """Run a version until all of it can serve; the same again changes nothing.

        NotReady says in words why it cannot.
        """

    def stop(self, component: str, version: str, within: float, lease: Lease) -> None:
        """Drain and end the servers of a version; Refused while a route names it."""
