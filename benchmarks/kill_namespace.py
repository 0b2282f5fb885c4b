"""`restore-config` of a namespace in the kill matrix; imported beside the tests' fake cluster."""

import os
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from unittest.mock import patch

from kube_release import Shop

from benchmarks.kill_config import backed_up
from benchmarks.kill_verbs import Verb, Words
from cluster.backup import changes, read
from cluster.errors import ClusterError
from cluster.kubernetes.api import MANAGER, Object
from cluster.kubernetes.kinds import DEPLOYMENT, HTTP_ROUTE, SERVICE, Kind
from cluster.kubernetes.names import COMPONENT, VERSION, object_name
from flows.cli import parser
from flows.namespace_config import NamespaceConfig
from flows.refusal import Refused
from flows.rehearsal.small_site import PATIENCE, SmallSite, eventually, require

NAME = "restore-config, namespace"
MANY, STRAY, REPLICAS = "prices", "v0.0.9", 5
EDITS = count()
WRITTEN = (DEPLOYMENT, SERVICE, HTTP_ROUTE)
FLAGS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "flags", "labels": {COMPONENT: MANY}},
}
AtRest = Callable[[SmallSite, Words], bool]


def restore_verb(shop_of: Callable[[SmallSite], Shop], at_rest: AtRest, end: Verb) -> Verb:
    """As `end`, the verb of a release, ends; and all objects and files are as in the backup."""

    def prepare(here: SmallSite) -> Words:
        eventually(lambda: at_rest(here, ()), PATIENCE, "at rest")
        shop = shop_of(here)
        _flags(shop, "25")
        file = backed_up(here)
        _edited(shop)
        return ("restore-config", file, "--yes")

    def settled(here: SmallSite, words: Words) -> bool:
        return at_rest(here, words) and as_kept(shop_of(here), words)

    def agree(here: SmallSite) -> None:
        end.agree(here)
        require_ours(shop_of(here))

    return replace(
        end,
        name=NAME,
        verb="restore-config",
        prepare=prepare,
        again=lambda words: [words],
        settled=settled,
        state=lambda *_: "all as in the backup",
        agree=agree,
    )


def as_kept(shop: Shop, words: Words) -> bool:
    """Whether all that the backup holds is there, as the site itself reads it."""
    backup = read(Path(words[1]))
    options = parser().parse_args(shop.command(*words))
    with patch.dict(os.environ, {"PINCEX_HOME": str(shop.folder)}):
        try:
            found = NamespaceConfig(options, PATIENCE).compared(backup)
        except (ClusterError, Refused):
            return False
    return not changes(found.present, found.wanted) and not found.left_out


def require_ours(shop: Shop) -> None:
    """No field of what serves is managed by somebody who would stop the next rollout."""
    for kind in WRITTEN:
        for told in shop.api.list(kind, {COMPONENT: None}):
            managers = {
                (entry["manager"], entry["operation"])
                for entry in told["metadata"]["managedFields"]
                if entry.get("subresource") != "status" and _is_told(kind, entry)
            }
            name = told["metadata"]["name"]
            require(managers <= {(MANAGER, "Apply")}, f"{kind.name} {name}: {managers}")


def _is_told(kind: Kind, entry: Object) -> bool:
    """Whether it manages more than what a controller notes of an object."""
    return "f:spec" in entry["fieldsV1"]


def _flags(shop: Shop, share: str) -> None:
    told = {**FLAGS, "data": {"smart-routing": share}}
    shop.cluster.kubectl("-n", shop.namespace, "apply", "-f", "-", given=told)


def _edited(shop: Shop) -> None:
    """Scaled, edited, deleted, added by hand: each kind of change, of each kind of object."""
    kubectl, space = shop.cluster.kubectl, ("-n", shop.namespace)
    (version,) = shop.services.route(MANY).versions
    serving = object_name(MANY, version)
    kubectl(*space, "scale", "deployment", serving, f"--replicas={REPLICAS}")
    kubectl(*space, "set", "env", f"deployment/{serving}", "DEBUG=1")
    kubectl(*space, "label", "service", serving, "edited=yes")
    weight = '[{"op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": 7}]'
    kubectl(*space, "patch", "httproute", MANY, "--type=json", "-p", weight)
    kubectl(*space, "delete", "configmap", "flags")
    for kind in (DEPLOYMENT, SERVICE):
        _copied(shop, kind, serving)
    policy = shop.folder / "policy.toml"
    policy.write_text(f"{policy.read_text()}# edit {next(EDITS)}\n")


def _copied(shop: Shop, kind: Kind, name: str) -> None:
    """A version beside that nobody deployed."""
    found, marks = shop.api.get(kind, name), {COMPONENT: MANY, VERSION: STRAY}
    spec = dict(found["spec"])
    if kind is DEPLOYMENT:
        pods = {**spec["template"]["metadata"], "labels": marks}
        spec |= {"selector": {"matchLabels": marks}}
        spec |= {"template": {**spec["template"], "metadata": pods}}
    else:
        spec = {"ports": spec["ports"], "selector": marks}
    metadata = {"name": object_name(MANY, STRAY), "labels": marks}
    shop.api.create(kind, {"metadata": metadata, "spec": spec})
