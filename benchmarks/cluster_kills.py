"""`python -m benchmarks.cluster_kills`: the verbs of services killed at their steps in a cluster.

As in `benchmarks.kill_matrix`, on a real API server with fake nodes, judged by a real Prometheus;
each write to the API server is a step, too. By the routes of a Gateway, then the steps that are
others where pods make the shares, with a release step. Nothing starts a killed rollout again here:
the command that follows does. The page is printed at the end; a later run goes on with what is left
in the same folder.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from math import inf
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "tests" / "kubernetes")]

from kube_cluster import Cluster, with_nodes  # noqa: E402
from kube_plane import Plane, Setting  # noqa: E402
from kube_release import NAME, POLICY, Shop, release_step  # noqa: E402

from benchmarks.kill_matrix import KEPT, Matrix, code_digest, run, say  # noqa: E402
from benchmarks.kill_namespace import restore_verb  # noqa: E402
from benchmarks.kill_results import Results, todo  # noqa: E402
from benchmarks.kill_services import release_verbs  # noqa: E402
from benchmarks.kill_table import page  # noqa: E402
from benchmarks.kill_verbs import Verb, Words  # noqa: E402
from benchmarks.probed import probed_python  # noqa: E402
from benchmarks.step_plan import Steps  # noqa: E402
from cluster.errors import Unavailable  # noqa: E402
from cluster.local.home import Home  # noqa: E402
from flows.cluster_site import ClusterSite, kept_site  # noqa: E402
from flows.platform import parts_of  # noqa: E402
from flows.rehearsal.small_site import PATIENCE, ROOT, SmallSite, eventually  # noqa: E402
from rollout.history import History  # noqa: E402

SINGLE = "settlement"
WATCHED = POLICY.replace("[rollout.watch]\nseconds = 0\n", "[rollout.watch]\nseconds = 2\n")
"""A kill may come in the watch, too."""
HEAD = """# Kill matrix in a cluster

The steps of `deploy` and `rollback` of services in a namespace, found and killed as those on the
local site are in [the kill matrix](kill-matrix.md): on a real API server (Kubernetes 1.34) with
fake nodes, by the routes of a Gateway, judged by a real Prometheus; each write to the API server is
a step, too. Of two components one runs as many and one is single. *By pods*: the same verbs without
a Gateway, where pods make the shares, with a release step; only what is another step there. Nothing
starts a killed rollout again here: `resume` or the same command does. A row counts as settled once
nothing is open, nobody holds the lock, each route gives everything to the release of the ledger,
nothing is up beside it but what it would be rolled back to, and the ledger's chain holds. *Not
run*: the step came to light while others were killed, and this kill is still to be made. Fake pods
answer nobody, so that there is no request to lose.
"""


class Namespaced(SmallSite):
    """A namespace with the application `shop`."""

    def __init__(self, shop: Shop, python: str) -> None:
        self.shop, self.python = shop, python

    @cached_property
    def there(self) -> ClusterSite:
        """The namespace's adapters, read from this process."""
        return kept_site(Home(self.shop.kept))

    def history(self) -> History:
        """The ledger of the application, folded."""
        return self.there.history(NAME)

    def command(self, *words: str) -> subprocess.Popen[str]:
        """Start a command; the caller waits for it."""
        return subprocess.Popen(
            [self.python, "-m", "flows.cli", *self.shop.command(*words), "--json"],
            cwd=ROOT, env={**os.environ, **self.shop.environment}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip


def _fresh(here: SmallSite) -> str:
    return f"v9.{len(here.history().rollouts)}.0"


def _deploy(here: SmallSite) -> Words:
    eventually(lambda: _at_rest(here, ()), PATIENCE, "at rest")
    return ("deploy", _fresh(here))


def _at_rest(here: SmallSite, words: Words) -> bool:
    """Nothing is open, nobody holds the lock, and one version of each component has all traffic."""
    assert isinstance(here, Namespaced)
    site = here.there
    if here.history().open or site.lock.holder(NAME, site.region):
        return False
    try:
        return all(
            part.serving and site.services.route(name).weights == {part.serving.version: 100}
            for name, part in parts_of(site, NAME).of.items()
        )
    except Unavailable:
        return False


def agree(here: SmallSite) -> None:
    """Every component serves the release of the ledger, unobserved, and no other runs.

    What served before stays up to return to, but for what acts alone.
    """
    assert isinstance(here, Namespaced)
    site, champion, before = here.there, here.history().champion, here.history().previous
    assert champion is not None
    for name, part in parts_of(site, NAME).of.items():
        assert part.serving is not None
        version = part.serving.version
        assert version == champion.revision.version, (name, part)
        assert site.services.route(name).observed is None, name
        beside = {before.revision.version} if before and name != SINGLE else set()
        up = set(site.services.versions_up(name))
        assert {version} <= up <= {version} | beside, (name, up)
    site.ledger.verify()


ROUTED = release_verbs(NAME, _deploy, _at_rest, agree)
BY_PODS = [replace(verb, name=f"{verb.name}, by pods") for verb in ROUTED]


def _shop(here: SmallSite) -> Shop:
    assert isinstance(here, Namespaced)
    return here.shop


RESTORE = restore_verb(_shop, _at_rest, ROUTED[0])
VERBS = [*ROUTED, *BY_PODS]


class Namespaces(Matrix):
    """Two namespaces: in one a Gateway divides the requests, in the other pods do."""

    def site(self, verb: Verb) -> SmallSite:
        """Where a verb is killed."""
        return self.other if verb in BY_PODS else self.here


@contextmanager
def board(directory: Path) -> Iterator[Matrix]:
    """A cluster of its own, and a first release in two namespaces of it; ended afterwards."""
    plane, python = Plane(directory / "plane", Setting(bound=True)), probed_python(directory / "py")
    with ExitStack() as stack:
        stack.callback(plane.down)
        plane.up()
        cluster = with_nodes(Cluster(plane))

        def first_release(gateway: bool, steps: str) -> Namespaced:
            folder = directory / ("routed" if gateway else "by-pods")
            folder.mkdir()
            shop = stack.enter_context(Shop(cluster, folder, gateway, single=True, steps=steps))
            (folder / "policy.toml").write_text(WATCHED)
            if gateway:
                shop.apply_gateway()
            code, report, said = shop.command_deploy("v1.0.0")
            assert code == 0, (report, said)
            return Namespaced(shop, str(python))

        here, other = first_release(True, ""), first_release(False, release_step("migrate"))
        yield Namespaces(here, other, None, Steps(directory / "steps"))


def main() -> int:
    """Run as much of it as there is time for; the exit code says whether that ended well."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster_kills", description=__doc__)
    parser.add_argument("--results", type=Path, help="kept here; default: a folder per code")
    parser.add_argument("--only", action="append", help="a verb of the table; default all")
    parser.add_argument("--sample", type=int, help="so many kills of each run, the same each time")
    parser.add_argument("--minutes", type=float, default=inf, help="begin no kill after these")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results = Results(options.results or KEPT / f"cluster-{code_digest()}")
    with (
        tempfile.TemporaryDirectory(prefix="pincex-cluster-kills-") as directory,
        board(Path(directory)) as made,
    ):
        until = time.monotonic() + 60 * options.minutes
        every = [*VERBS, RESTORE]
        verbs = [verb for verb in every if options.only is None or verb.name in options.only]
        wrong = run(made, results, verbs, options.sample, until)
    # That of restores stands with those of the local site: benchmarks.kill_table.
    left = len(todo(results, verbs)) if options.sample is None else 0
    say(f"{wrong} not settled, {left} points left")
    print(page(results, VERBS, HEAD))
    return int(bool(wrong or left))


if __name__ == "__main__":
    sys.exit(main())
