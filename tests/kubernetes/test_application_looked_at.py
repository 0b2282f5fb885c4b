"""`validate` and `diagnose` of an application: all of its components, by its own name."""

import pytest
from kube_release import Shop

pytestmark = pytest.mark.kubernetes


def patched(shop: Shop, component: str, how: str) -> None:
    """Change the Deployment of a component behind our back."""
    told = ("patch", "deployment", f"{component}-v1-0-0", "--type=json", "-p", how)
    shop.cluster.kubectl("-n", shop.namespace, *told)


def test_validate_has_lines_of_each_component(shop: Shop) -> None:
    """A fault of the second is named with it; the name of one component is about that one alone."""
    _, sound, _ = shop.run("validate", "shop")
    patched(
        shop,
        "settlement",
        '[{"op": "remove", "path": "/spec/template/spec/containers/0/readinessProbe"}]',
    )
    code, told, _ = shop.run("validate", "shop")
    _, alone, _ = shop.run("validate", "prices")

    assert sound["counts"]["FAIL"] == 0
    assert {line["name"].split(":")[0] for line in sound["lines"]} >= {
        "prices-v1-0-0",
        "settlement-v1-0-0",
    }
    (wrong,) = [line["name"] for line in told["lines"] if line["outcome"] == "FAIL"]
    assert (code, wrong) == (3, "settlement-v1-0-0: readiness of server")
    assert not [line for line in alone["lines"] if line["name"].startswith("settlement")]


def test_diagnose_finds_the_same_cause_at_each_component(shop: Shop) -> None:
    """Told of both: the remedy of one does not help the other."""
    sound = shop.run("diagnose", "shop")
    many = '[{"op": "add", "path": "/spec/template/spec/containers/0/resources", "value": '
    many += '{"requests": {"cpu": "1000"}}}]'
    for component in shop.names:
        patched(shop, component, many)

    def both() -> bool:
        _, told, _ = shop.run("diagnose", "shop")
        stuck = [one["evidence"] for one in told["causes"] if one["cause"] == "node capacity"]
        return [one.split("-v1-0-0")[0] for one in stuck] == shop.names

    assert sound[0] == 0, sound
    shop.until(both, "both are found")
    assert shop.run("diagnose", "nothing")[0] == 2


def test_a_component_that_lost_its_deployment_is_no_sound_application(shop: Shop) -> None:
    """What is not there cannot be well: a failed line, and traffic to no pod."""
    shop.cluster.kubectl("-n", shop.namespace, "delete", "deployment", "settlement-v1-0-0")

    code, told, _ = shop.run("validate", "shop")
    found, seen, _ = shop.run("diagnose", "shop")

    wrong = [line["name"] for line in told["lines"] if line["outcome"] == "FAIL"]
    assert (code, wrong) == (3, ["settlement: workloads"])
    assert found == 3
    assert seen["unwell"] == ["settlement has a Service and no Deployment"]
    assert [one["evidence"] for one in seen["causes"]] == [
        "v1.0.0 gets 100 % of the traffic and has no ready pod of 0"
    ]


def test_a_name_that_nobody_knows_is_not_well(shop: Shop) -> None:
    """A slip of the pen has nothing that could be looked at."""
    code, told, _ = shop.run("validate", "shpo")

    unknown = {line["name"]: line["outcome"] for line in told["lines"]}["workloads"]
    assert (code, unknown) == (4, "NOT CHECKED")
