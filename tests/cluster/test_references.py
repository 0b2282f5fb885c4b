"""Every place in a pod that can name a Secret or a ConfigMap is known, with the keys it needs."""

from typing import Any

import pytest

from cluster.kubernetes.references import wanted

OF_KEY = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "k"}}}
PLACES: dict[str, dict[str, Any]] = {
    "a key in the environment": {"containers": [{"env": [OF_KEY]}]},
    "before the containers": {"containers": [{}], "initContainers": [{"env": [OF_KEY]}]},
    "a volume": {
        "containers": [{}],
        "volumes": [{"secret": {"secretName": "db", "items": [{"key": "k", "path": "p"}]}}],
    },
    "a projected volume": {
        "containers": [{}],
        "volumes": [
            {"projected": {"sources": [{"secret": {"name": "db", "items": [{"key": "k"}]}}]}}
        ],
    },
}


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_is_found_where_a_pod_names_it(place: str) -> None:
    """With the key that must be in it; one that may be missing is not wanted."""
    pod = PLACES[place]

    ((kind, name, keys),) = wanted({"spec": {"template": {"spec": pod}}})

    assert (kind.name, name, keys) == ("Secret", "db", {"k"})


def test_what_is_optional_is_not_wanted_and_keys_of_one_object_come_together() -> None:
    """Each object once, in the order of names."""
    told = [{"valueFrom": {"configMapKeyRef": {"name": "flags", "key": key}}} for key in ("b", "a")]
    optional = {"secretRef": {"name": "more", "optional": True}}
    pod = {
        "containers": [{"env": told, "envFrom": [optional, {"configMapRef": {"name": "base"}}]}],
        "volumes": [{"configMap": {"name": "maybe", "optional": True}}, {"emptyDir": {}}],
    }

    found = wanted({"spec": {"template": {"spec": pod}}})

    assert [(name, keys) for _, name, keys in found] == [("base", set()), ("flags", {"a", "b"})]
