"""Services of the local site say of themselves whether their servers answer and who is up."""

import pytest
from frozen import frozen
from local_parts import ECHO, LocalSite

from cluster.errors import Invalid, NotReady
from cluster.local.processes import running
from cluster.local.services import LocalServices
from cluster.lock import Lock
from cluster.route import Route
from cluster.services import calls_of
from rollout.application import Component, parse_application

pytestmark = pytest.mark.site


def part(*command: str) -> Component:
    """A component of the site that starts this command, in one instance."""
    words = ", ".join(f'"{word}"' for word in command)
    return parse_application(
        f'[application]\nname = "x"\n[component.orders]\ncommand = [{words}]\npaths = ["/o"]\n'
        "grace = 1\n"
    ).components[0]


def test_a_server_that_hangs_fails_its_health_check(site: LocalSite) -> None:
    """Each server is asked where it says that it is ready; one that does not answer has failed."""
    services = LocalServices(site.home)
    orders = part("{python}", str(ECHO), "{port}", "v1.0.0", str(site.home.path / "log"))
    lease = Lock(site.home.ledger).acquire("x", "local", "deploy by ann", 600)
    services.start(orders, "v1.0.0", 60, lease, forced=False)
    services.set_route(
        orders, Route({"v1.0.0": 100}, calls=calls_of(orders)), 60, lease, forced=False
    )

    assert services.versions_up("orders") == ["v1.0.0"]
    assert services.is_ready(orders, "v1.0.0")
    assert services.route("orders").weights == {"v1.0.0": 100}
    ((port, failed),) = services.failed(orders, "v1.0.0").items()
    assert not failed
    roles = site.home.roles(site.home.run)
    (found,) = [running(site.home, role) for role in roles if role.startswith("orders@")]
    assert found is not None
    assert found.pid is not None
    with frozen(found.pid):
        assert services.failed(orders, "v1.0.0") == {port: True}


def test_a_version_that_dies_at_its_start_says_its_last_words(site: LocalSite) -> None:
    """As an error about servers, not about the platform, which works."""
    services = LocalServices(site.home)
    dying = part("{python}", "-c", "raise SystemExit('no model file')", "{port}")
    lease = Lock(site.home.ledger).acquire("x", "local", "deploy by ann", 600)

    with pytest.raises(NotReady, match="no model file"):
        services.start(dying, "v2.0.0", 30, lease, forced=False)


def test_an_image_alone_cannot_be_run_here(site: LocalSite) -> None:
    """Told by name, with the line that would be right."""
    services = LocalServices(site.home)
    pod = parse_application('[application]\nname = "x"\n[component.a]\nimage = "a:1"\n')

    with pytest.raises(Invalid, match="a has an image and no command"):
        services.require_runnable(pod.components[0])
