"""The pod of a component: what a cluster must know is kept, what is filled in is refused."""

import pytest

from analysis import BadInput
from rollout.application import Component, parse_application

SHOP = """\
[application]
name = "shop"

[component.front]
image = "shop/front:1"
"""
POD = """
[component.front.pod]
serviceAccountName = "front"

[[component.front.pod.containers]]
name = "server"
envFrom = [{secretRef = {name = "front-database"}}]
env = [{name = "LEVEL", value = ""}]
"""


def front(text: str) -> Component:
    """The component of the shop that is described so."""
    return parse_application(SHOP + text).component("front")


def test_a_description_without_a_pod_has_one_container() -> None:
    """Its image and command are filled in, as always."""
    assert front("").pod == {"containers": [{"name": "server"}]}


def test_a_pod_is_kept_as_it_stands_and_makes_another_revision() -> None:
    """Secrets by their names: a new name is a new release, as a new image is."""
    described, other = front(POD), front(POD.replace("front-database", "other"))

    assert described.pod["serviceAccountName"] == "front"
    (server,) = described.pod["containers"]
    assert server["envFrom"] == [{"secretRef": {"name": "front-database"}}]
    assert len({front("").digest, described.digest, other.digest}) == 3


@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        pytest.param('name = "server"', 'name = "front"', "exactly one, called server", id="name"),
        pytest.param("[[component.front.pod.containers]]", "", "exactly one", id="none"),
        pytest.param(
            'name = "server"', 'name = "server"\nimage = "x"',
            "line 12: [component.front] pod.containers.0.image: it follows from other keys",
            id="image",
        ),
        pytest.param(
            'name = "server"', 'name = "server"\nreadinessProbe = {}', "readinessProbe: it follows",
            id="probe",
        ),
        pytest.param(
            "[component.front.pod]", '[component.front.pod]\nrestartPolicy = "Never"',
            "pod.restartPolicy: it follows", id="end",
        ),
        pytest.param('"LEVEL"', '"PORT"', "PORT is filled in", id="variable of ours"),
        pytest.param('name = "LEVEL", ', "", "name: it is missing", id="variable without name"),
        pytest.param(
            'value = ""', 'value = "postgresql://a:b@db/x"', "value: it holds a password",
            id="password",
        ),
        pytest.param(
            'name = "LEVEL", value = ""', 'name = "DB_PASSWORD", value = "a:b"',
            "env.0.value: it holds a password", id="password by its name",
        ),
        pytest.param('value = ""', "value = 2026-01-01", "is nothing that JSON knows", id="date"),
        pytest.param('value = ""', "value = nan", "is nothing that JSON knows", id="nan"),
        pytest.param('[{name = "LEVEL", value = ""}]', '"LEVEL"', "'LEVEL' is no list", id="text"),
    ],
)  # fmt: skip
def test_what_does_not_fit_a_pod_is_refused_by_line(line: str, instead: str, said: str) -> None:
    """What is filled in would be lost without a word, and a password would be in the ledger."""
    assert line in POD
    with pytest.raises(BadInput) as refused:
        front(POD.replace(line, instead))

    assert said in str(refused.value)
    assert "a:b" not in str(refused.value)
