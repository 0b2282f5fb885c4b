"""The composition root: the adapters of one region, built from a site's name."""

import os
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.ledger import Ledger
from cluster.local.home import Home
from cluster.local.serving import LocalServing
from cluster.local.traffic import Traffic
from cluster.lock import Lease, Leases, Lock
from cluster.outbox import Outbox
from cluster.serving import Serving
from flows.refusal import bad_input
from rollout.history import History, fold

if TYPE_CHECKING:
    from cluster.services import Services
    from flows.release_sight import Answers
    from models.registry import Registry

REGION = "local"
REGISTRY_PATIENCE = 5.0
# A holder whose process died is void at once; this is for a holder that hangs.
LEASE_SECONDS = 10.0


@dataclass(frozen=True)
class Site:
    """The local site under ``$PINCEX_HOME``; an adapter is built when it is first asked for.

    With a `lease`, its ledger takes rows about what the lease is for only while nobody took over.
    """

    name: str
    home: Home
    lease: Lease | None = None

    @property
    def region(self) -> str:
        return REGION

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.home.ledger, self.lease)

    @cached_property
    def lock(self) -> Leases:
        return Lock(self.home.ledger)

    @cached_property
    def services(self) -> "Services":
        from cluster.local.services import LocalServices

        return LocalServices(self.home)

    @property
    def settings(self) -> Path:
        """Where a policy and an application of one's own lie."""
        return self.home.path

    @property
    def patience(self) -> float:
        """Seconds for which a platform may not answer before a rollout is left as it is."""
        return 30.0

    @property
    def pace(self) -> float:
        """Seconds between two looks at least."""
        return 0.0

    @property
    def sees(self) -> bool:
        """Whether anybody counts the answers of services."""
        return True

    @property
    def one_machine(self) -> bool:
        """Whether both sides of a comparison have the same host, which then cannot drift apart."""
        return True

    @property
    def keeps_runs(self) -> bool:
        """Whether a Prefect server belongs to it."""
        return True

    @property
    def told(self) -> str:
        """The options with which a command comes to this site again."""
        return ""

    @cached_property
    def traffic(self) -> Traffic:
        return Traffic(self.home)

    @cached_property
    def serving(self) -> Serving:
        return LocalServing(self.home)

    @cached_property
    def registry(self) -> "Registry":
        from models.registry import Registry

        return Registry(self.mlflow_url, REGISTRY_PATIENCE)

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(self.home.ledger)

    @property
    def endpoint(self) -> str:
        return self.home.site().endpoint

    @property
    def mlflow_url(self) -> str:
        return f"http://127.0.0.1:{self.home.site().ports.mlflow}"

    @property
    def prefect_url(self) -> str:
        return f"http://127.0.0.1:{self.home.site().ports.prefect}"

    @property
    def prefect_api(self) -> str:
        return f"{self.prefect_url}/api"

    @property
    def prefect_login(self) -> str | None:
        """What the site's own server is told: it trusts whoever reaches it."""
        return None

    def begin(self, *needed: str) -> None:
        """Have it ready for a verb that acts, and wait for those of its parts that are needed."""
        from flows.local_site import ensure_up

        ensure_up(self, *needed)

    def require(self) -> None:
        """For verbs that only look, or undo: no site is an error, not a start."""
        from flows.local_site import require_up

        require_up(self)

    def require_place(self) -> None:
        """There is where to deploy to: here, always."""

    def revive(self) -> None:
        """Whoever restarts what dies is alive."""
        from cluster.local.upkeep import ensure_keeper

        ensure_keeper(self.home, resume_argv(self))

    def answers(self, rollout_id: str) -> "Answers | None":
        """What is noted about the answers of the services that a rollout observes."""
        from flows.step_rows import StepRows

        return StepRows(self.home.access_log, rollout_id, self.traffic.active)

    def flow_environment(self) -> dict[str, str]:
        """What a flow process must know beside what every process of the site does."""
        from flows.prefect_env import client_env

        return client_env(self)

    def holding(self, lease: Lease | None) -> "Site":
        """The same site for whoever acts under this lease, or under none."""
        return replace(self, lease=lease)

    def history(self, component: str) -> History:
        """What the ledger knows of a component in this region."""
        return fold(self.ledger.rows(component=component, region=self.region))


def resume_argv(here: Site) -> list[str]:
    """The command with which the keeper goes on with an open rollout; {component} is filled in."""
    return [sys.executable, "-m", "flows.process", "resume", here.name, "{component}"]


def site(name: str) -> Site:
    """The site of that name; state lives under ``$PINCEX_HOME``, default ``.pincex``."""
    if name != "local":
        raise bad_input(f"there is no site {name!r}. Known: local", "pincex --site local status")
    return Site(name, Home(Path(os.environ.get("PINCEX_HOME") or ".pincex").resolve()))
