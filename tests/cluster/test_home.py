"""The site's directory: laid out once, with ports of its own, and readable or clearly not."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cluster.errors import NotFound, NotWritable, StateDamaged
from cluster.local.home import Home
from cluster.local.ports import PORT_RANGE, free_ports, is_free


def test_a_site_is_created_once(tmp_path: Path) -> None:
    """The second creation gives the first one's ports and node."""
    home = Home(tmp_path / "site")

    made = home.create()

    assert home.create() == home.site() == made
    assert made.endpoint == f"http://127.0.0.1:{made.ports.endpoint}"


def test_processes_creating_a_site_at_once_agree(tmp_path: Path) -> None:
    """Whoever is first decides; all others get the same site."""
    homes = [Home(tmp_path / "site") for _ in range(16)]

    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda home: home.create(), homes))

    assert len({site.node_id for site in made}) == 1


def test_two_sites_share_nothing(tmp_path: Path) -> None:
    """Another directory is another site, with other ports and another node."""
    one, two = Home(tmp_path / "one").create(), Home(tmp_path / "two").create()

    assert one.node_id != two.node_id
    assert one.ports != two.ports


def test_a_link_to_a_site_is_that_site(tmp_path: Path) -> None:
    """Processes are recognised by the path: two spellings of it must not be two sites."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    assert Home(tmp_path / "link") == Home(tmp_path / "real" / ".." / "real")


def test_no_site_is_told_apart_from_a_damaged_one(tmp_path: Path) -> None:
    """Without site.json the next step is `pincex up`."""
    with pytest.raises(NotFound, match="there is no site") as caught:
        Home(tmp_path).site()

    assert caught.value.hint == "pincex up"


@pytest.mark.parametrize(
    "content",
    [
        "",
        '{"name": "local"',
        '{"name": "local"}',
        '{"name": 1, "region": 2, "ports": [], "node_id": 3}',
    ],
    ids=["empty", "cut", "short", "wrong types"],
)
def test_a_damaged_site_file_is_named_with_the_remedy(tmp_path: Path, content: str) -> None:
    """A half-written site.json is never taken for a new site: its processes would be lost."""
    home = Home(tmp_path)
    home.site_file.write_text(content)

    with pytest.raises(StateDamaged, match=r"site\.json") as caught:
        home.create()

    assert "pincex down" in caught.value.hint


def test_a_home_below_a_file_is_a_clear_error(tmp_path: Path) -> None:
    """PINCEX_HOME set to a place that cannot be a directory."""
    (tmp_path / "file").write_text("")

    with pytest.raises(NotWritable, match="cannot write"):
        Home(tmp_path / "file" / "site").create()


@pytest.mark.parametrize(
    "role", ["envoy", "price-predictor@v2.0.0#1", "resume:a/b@eu", "../x", "ü %2F"]
)
def test_any_role_has_a_file_of_its_own(tmp_path: Path, role: str) -> None:
    """Roles become file names without leaving the directory, and are found again from them."""
    home = Home(tmp_path)
    home.lay_out()

    home.run_file(role).write_text("{}")

    assert home.run_file(role).parent == home.run
    assert home.roles(home.run) == [role]


def test_free_ports_can_be_listened_on() -> None:
    """Different, outside the range that outgoing connections use, and none to be avoided."""
    avoid = frozenset(range(PORT_RANGE.start, PORT_RANGE.stop - 50))

    found = free_ports(10, avoid=avoid)

    assert len(set(found)) == 10
    assert not avoid & set(found)
    with socket.create_server(("127.0.0.1", found[0])):
        assert not is_free(found[0])
    assert is_free(found[0])
