"""The composition root: the adapters of one region, built from a site's name."""

import os
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.ledger import Ledger
from cluster.local.home import Home
from cluster.local.traffic import Traffic
from cluster.lock import Lease, Lock
from cluster.outbox import Outbox
from flows.refusal import bad_input
from rollout.history import History, fold

if TYPE_CHECKING:
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
    def lock(self) -> Lock:
        return Lock(self.home.ledger)

    @cached_property
    def traffic(self) -> Traffic:
        return Traffic(self.home)

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
