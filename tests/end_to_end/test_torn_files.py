"""Files of a live site cut in the middle: traffic goes on, and what is said can be acted on."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from story_parts import Story

from cluster.local.processes import running
from flows.progress_file import progress_file
from flows.rehearsal.small_client import Client
from flows.rehearsal.small_site import MODEL, SmallSite, eventually

pytestmark = [pytest.mark.site, pytest.mark.timeout(300)]

FILES: dict[str, Callable[[SmallSite], Path]] = {
    "site": lambda here: here.home.site_file,
    "keeper": lambda here: here.home.keeper_file,
    "spec of the proxy": lambda here: here.home.spec_file("envoy"),
    "spec of a server": lambda here: here.home.spec_file(f"{MODEL}@{_serving(here)}#1"),
    "note of the proxy": lambda here: here.home.run_file("envoy"),
    "note of the keeper": lambda here: here.home.run_file("keeper"),
    "note of a server": lambda here: here.home.run_file(f"{MODEL}@{_serving(here)}#1"),
    "routes": lambda here: here.home.routes,
    "clusters": lambda here: here.home.clusters,
    "endpoints": lambda here: here.home.endpoints / f"{MODEL}--{_serving(here)}" / "endpoints.json",
    "bootstrap": lambda here: here.home.bootstrap,
    "progress": lambda here: progress_file(here.site, MODEL),
}
SHORT = ["site", "spec of the proxy", "note of the keeper", "routes", "progress"]
CHOSEN = list(FILES) if os.environ.get("PINCEX_FAULTS") == "all" else SHORT
# A command that reads the file and cannot do without it; the others repair it or need it later.
NEEDED = {"site", "routes"}
REMEDY = re.compile(r"cp \S+ \S+ && mv \S+ \S+")


def _serving(here: SmallSite) -> str:
    champion = here.history().champion
    assert champion is not None
    return champion.revision.version


@pytest.fixture(scope="module")
def client(story: Story) -> Iterator[Client]:
    """Requests from outside all the while."""
    with story.here.load() as running:
        yield running


@pytest.mark.parametrize(
    "share", [pytest.param(0.0, id="empty", marks=pytest.mark.long), pytest.param(0.5, id="half")]
)
@pytest.mark.parametrize("name", CHOSEN)
def test_a_file_of_a_live_site_is_cut(
    here: SmallSite, client: Client, tmp_path: Path, name: str, share: float
) -> None:
    """No request fails, no process is lost, each command answers in words, and all is well again.

    Where the error names a remedy it is followed to the letter; the site file is put back as from
    a backup, because only a person knows whether the site in it is still the one that runs.
    """
    file = FILES[name](here)
    shutil.copyfile(file, tmp_path / "kept")
    pid = _pid(here)
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])

    said = [here.pincex("status"), here.pincex("up", "--no-wait")]
    for ran in said:
        assert ran.report, ran
        assert "Traceback" not in ran.said
        assert ran.code == 0 or (ran.code == 1 and ran.report["hint"]), ran
    if name in NEEDED:
        assert said[0].code == 1
    remedies = [REMEDY.match(str(ran.report.get("hint"))) for ran in said]
    for remedy in filter(None, remedies):
        subprocess.run(remedy[0], shell=True, check=True)
    if name == "site":
        shutil.copyfile(tmp_path / "kept", file)

    eventually(lambda: here.pincex("up", "--no-wait").code == 0, 30, "up works again")
    eventually(lambda: not here.differing(), 30, "nothing differs")
    assert _pid(here) == pid
    assert client.failures == []


def _pid(here: SmallSite) -> int | None:
    seen = running(here.home, "envoy")
    return None if seen is None else seen.pid
