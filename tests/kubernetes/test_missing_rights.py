"""Verbs that change something, with one right less: the error names the rule, and nothing is lost.

An undo does not ask for its rights first, as it must go as far as it can. It is stopped at each
of them in turn, in the order in which a whole one used them, and goes on from there.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from kube_cluster import Cluster, rules
from kube_release import Shop
from test_roles import EXTRAS

from cluster.kubernetes import rights
from cluster.kubernetes.kinds import EVENT
from cluster.kubernetes.rights import Right
from flows.cli import main

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(600)]

TOLD = Right(EVENT, "create")
"""Nothing waits for an Event."""


@pytest.fixture
def shop(fake_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """v1.0.0 serves; its single component has to be made anew where one returns to it."""
    monkeypatch.setenv("PINCEX_HOME", str(tmp_path))
    with Shop(fake_cluster, tmp_path, single=True) as made:
        made.apply_gateway()
        deploy(made, "v1.0.0")
        yield made


def deploy(shop: Shop, version: str) -> None:
    """By an administrator, whoever the shop's commands are of afterwards."""
    shop.way = shop.cluster.plane.kubeconfig
    code, report = shop.deploy(version)
    assert code == 0, report


def interrupted(shop: Shop, version: str) -> None:
    """A deploy whose process is killed as soon as it is open."""
    flow = shop.flow("deploy", shop.request(version))
    shop.until(lambda: shop.site.history("shop").open, f"{version} is open")
    flow.kill()
    flow.wait()
    shop.until(lambda: shop.holder() is None, "nobody holds the lock")


@pytest.mark.parametrize(("verb", "ends_with"), [("rollback", "v1.0.0"), ("resume", "v3.0.0")])
def test_a_verb_is_stopped_at_each_right_it_misses_and_goes_on_with_it(
    shop: Shop, verb: str, ends_with: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its own words: the rule that is missing. With all of them it ends as it should."""
    needed = rights.OF_VERB[verb]
    words = [verb, "shop"] if verb == "resume" else [verb]

    def begun(version: str) -> None:
        if verb == "resume":
            interrupted(shop, version)
        else:
            deploy(shop, version)

    def answer() -> tuple[int, str]:
        capsys.readouterr()
        code = main([*shop.command(*words), "--json"])
        return code, capsys.readouterr().out

    begun("v2.0.0")
    shop.way = shop.cluster.user(shop.namespace, rules(needed))
    whole = shop.way.stem
    assert answer()[0] == 0
    user = f"system:serviceaccount:{shop.namespace}:{whole}"
    order = [right for right in shop.cluster.rights_in_order(user, needed) if right != TOLD]
    begun("v3.0.0")
    shop.way = shop.cluster.user(shop.namespace, rules(needed))

    quiet: dict[Right, str] = {}
    for right in order:
        shop.cluster.allow(shop.namespace, shop.way.stem, rules(needed - {right}))
        code, out = answer()
        if code != 1 or str(right) not in json.loads(out)["error"]:
            quiet[right] = out
    shop.cluster.allow(shop.namespace, shop.way.stem, rules(needed))
    code, out = answer()

    assert quiet == {}
    assert code == 0, out
    assert shop.serving(ends_with)
    assert len(order) >= 15


def test_a_restore_names_the_one_rule_that_is_missing(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """It asks for all of them first, so that nothing is changed; with all of them it restores."""
    for extra in EXTRAS:
        shop.cluster.kubectl("-n", shop.namespace, "apply", "-f", "-", given=extra)
    assert main([*shop.command("backup-config"), "--json"]) == 0
    file = json.loads(capsys.readouterr().out)["file"]
    edit = ("annotate", "httproute", "prices", "changed=yes")
    shop.cluster.kubectl("-n", shop.namespace, *edit)
    needed = rights.OF_VERB["restore-config"]
    shop.way = shop.cluster.user(shop.namespace, rules(needed))
    words = [*shop.command("restore-config", file, "--yes"), "--json"]

    quiet: dict[Right, str] = {}
    for right in sorted(needed, key=str):
        shop.cluster.allow(shop.namespace, shop.way.stem, rules(needed - {right}))
        code = main(words)
        out = capsys.readouterr().out
        if code != 1 or str(right) not in json.loads(out)["error"]:
            quiet[right] = out
    annotation = "jsonpath={.metadata.annotations.changed}"
    looked = ("-n", shop.namespace, "get", "httproute", "prices", "-o", annotation)
    still = shop.cluster.kubectl(*looked)
    shop.cluster.allow(shop.namespace, shop.way.stem, rules(needed))

    assert quiet == {}
    assert still == "yes"
    assert main(words) == 0
    assert shop.cluster.kubectl(*looked) == ""
