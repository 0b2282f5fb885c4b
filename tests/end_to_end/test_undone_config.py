"""A backup of the local site, and a restore: told first, done with --yes, no request failed."""

from pathlib import Path

import pytest
from story_parts import Story

from benchmarks.race_pairs import GOOD, STABLE, promote, rest, serving
from flows.rehearsal.small_site import MODEL, SmallSite
from rollout.policy import default_policy_text

pytestmark = [pytest.mark.site, pytest.mark.timeout(300)]


@pytest.fixture
def site(story: Story) -> SmallSite:
    """The site with nothing open and v1.0.0 serving, which v2.0.0 did before."""
    rest(story.here)
    for version in (GOOD, STABLE):
        if serving(story.here) != version:
            promote(story.here, version)
    return story.here


def backed_up(site: SmallSite) -> str:
    """The file of a new backup."""
    made = site.pincex("backup-config")
    assert made.code == 0, made
    assert Path(made.report["file"]).is_relative_to(site.home.path / "backups")
    return str(made.report["file"])


def test_what_was_promoted_and_edited_since_is_undone(site: SmallSite) -> None:
    """Version, policy and aliases are those of the backup, and clients notice nothing."""
    file = backed_up(site)
    policy = (site.home.path / "policy.toml").read_text()
    aliases = {name: site.alias(name) for name in ("champion", "previous")}
    promote(site, GOOD)
    site.hold_to(default_policy_text())

    with site.load() as client:
        told = site.pincex("restore-config", file)
        assert (told.code, serving(site)) == (4, GOOD)
        for line in ("change  policy", f"change  version {MODEL}", f"{GOOD} -> {STABLE}"):
            assert line in told.said
        done = site.pincex("restore-config", file, "--yes")

    assert done.code == 0, done
    assert serving(site) == STABLE
    assert site.status()["weights"] == {STABLE: 100}
    assert site.status()["differences"] == []
    assert {name: site.alias(name) for name in aliases} == aliases
    assert (site.home.path / "policy.toml").read_text() == policy
    assert client.failures == []
    assert client.doubled == 0
    assert site.pincex("restore-config", file).code == 0


def test_what_the_registry_contradicts_is_no_configuration_to_keep(site: SmallSite) -> None:
    """A restore could not bring it back: nothing is written, and what mends it is named."""
    before = {*(site.home.path / "backups").glob("*")}
    site.site.registry.set_alias(MODEL, "champion", GOOD)

    refused = site.pincex("backup-config")
    mended = site.pincex("resume", MODEL, "--keep-serving")

    assert refused.code == 1
    assert refused.report["error"].startswith(f"{STABLE} of {MODEL} serves by the ledger, and")
    assert f"'champion': '{GOOD}'" in refused.report["error"]
    assert mended.code == 0, mended
    assert {*(site.home.path / "backups").glob("*")} == before
    backed_up(site)
