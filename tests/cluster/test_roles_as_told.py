"""The Roles in `manifests/roles` are the rights that the code says each verb uses."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.kubernetes.rights import OF_VERB

ROLES = Path(__file__).parents[2] / "manifests" / "roles"
VERBS = {
    "looker": ("status", "diagnose", "backup-config"),
    "models": ("deploy-model", "promote-model", "rollback-model"),
    "releaser": ("validate", "deploy", "rollback", "resume"),
    "restorer": ("restore-config",),
}


def granted(role: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Each group, resource and verb of a Role."""
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                yield from ((group, resource, verb) for verb in rule["verbs"])


@pytest.mark.parametrize("who", VERBS)
def test_a_role_grants_what_its_verbs_use(who: str) -> None:
    """No rule is missing, and none is there that no verb uses."""
    (role,) = (
        told
        for told in yaml.safe_load_all((ROLES / f"{who}.yaml").read_text())
        if told["kind"] == "Role"
    )
    used = {
        (right.kind.group, right.kind.plural, right.verb)
        for verb in VERBS[who]
        for right in OF_VERB[verb]
    }

    assert sorted(granted(role)) == sorted(used)


def test_every_verb_has_its_role() -> None:
    """None of those that act on a cluster is left out."""
    assert sorted(verb for verbs in VERBS.values() for verb in verbs) == sorted(OF_VERB)
