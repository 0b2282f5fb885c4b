"""The objects of a namespace as a backup holds them, and what a restore writes of each.

Left out is what the cluster says itself (status, versions, addresses), our own token, copies of
requests, which belong to a rollout, and replicas that an autoscaler moves.
"""

from collections.abc import Collection, Mapping
from copy import deepcopy

from cluster.kubernetes.api import MANAGER, Object
from cluster.kubernetes.http_route import OBSERVED, ROLLOUT, without_copies
from cluster.kubernetes.kinds import DEPLOYMENT, HTTP_ROUTE, SERVICE, Kind
from cluster.kubernetes.names import APPLICATION, COMPONENT, FENCE, RESTORING, VERSION

GIVEN = {
    "Service": ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"),
}
OTHERS_NOTES = (
    FENCE,
    ROLLOUT,
    OBSERVED,
    "deployment.kubernetes.io/revision",
    "kubectl.kubernetes.io/last-applied-configuration",
)


def unfinished(items: Mapping[str, Object]) -> list[str]:
    """The objects at which a restore was killed."""
    notes = {item: told["metadata"].get("annotations") or {} for item, told in items.items()}
    return [item for item, told in notes.items() if RESTORING in told]


def begun(content: Object) -> Object:
    """What is written first, with the mark that it is not all of it."""
    metadata = content["metadata"]
    notes = {**metadata["annotations"], RESTORING: metadata["annotations"][FENCE]}
    return {**content, "metadata": {**metadata, "annotations": notes}}


def asked(put: Collection[str], wanted: Mapping[str, Object]) -> set[str]:
    """The Deployments that get requests by the routes which are put back."""
    routes = [wanted[item] for item in put if item.split()[0] == HTTP_ROUTE.name]
    rules = [rule for route in routes for rule in route["spec"]["rules"]]
    named = [told for rule in rules for told in rule.get("backendRefs") or () if told["weight"]]
    return {told["name"] for told in named if f"{DEPLOYMENT.name} {told['name']}" in wanted}


def ended(removed: Collection[str], present: Mapping[str, Object]) -> list[Mapping[str, str]]:
    """The labels of pods that end: of Deployments removed now, or by a restore that was killed."""
    found: list[Mapping[str, str]] = []
    for item in removed:
        kind, name = item.split()
        told = present[item]
        gone = VERSION in told["metadata"]["labels"] and f"{DEPLOYMENT.name} {name}" not in present
        if kind == DEPLOYMENT.name:
            found.append(told["spec"]["selector"]["matchLabels"])
        elif kind == SERVICE.name and gone:
            found.append(told["spec"]["selector"])
    return found


def owner(content: Object) -> str:
    """Whose lease fences an object: that of its application, or of its component."""
    marks: dict[str, str] = content["metadata"]["labels"]
    return marks.get(APPLICATION) or marks[COMPONENT]


def told_of(kind: Kind, found: Object) -> Object:
    """An object without what the cluster or a rollout says in it."""
    metadata = found["metadata"]
    notes = metadata.get("annotations") or {}
    kept = {
        "name": metadata["name"],
        "labels": dict(metadata["labels"]),
        "annotations": {key: note for key, note in notes.items() if key not in OTHERS_NOTES},
    }
    said = {"apiVersion", "kind", "metadata", "status"}
    content: Object = deepcopy({key: told for key, told in found.items() if key not in said})
    for key in GIVEN.get(kind.name, ()):
        content["spec"].pop(key, None)
    if kind is HTTP_ROUTE:
        content["spec"]["rules"] = without_copies(content["spec"].get("rules", ()))
    return {"metadata": kept, **content}


def exactly(kind: Kind, found: Object, content: Object) -> Object:
    """The object as it is, told to be `content` and nothing else."""
    metadata = {**found["metadata"], **content["metadata"]}
    made: Object = {**content, "metadata": metadata}
    kept = [key for key in GIVEN.get(kind.name, ()) if key in found["spec"]]
    if kind is DEPLOYMENT and "replicas" not in content["spec"]:
        kept.append("replicas")
    if kept:
        made["spec"] = {**content["spec"], **{key: found["spec"][key] for key in kept}}
    return made


def alone(found: Object) -> Object:
    """The object managed by us: whoever managed a field beside us would stop our next change."""
    metadata = found["metadata"]
    managers = [told for told in metadata["managedFields"] if _stays(told)]
    notes = {key: note for key, note in metadata["annotations"].items() if key != RESTORING}
    return {**found, "metadata": {**metadata, "annotations": notes, "managedFields": managers}}


def _stays(told: Mapping[str, str]) -> bool:
    ours = (told["manager"], told["operation"]) == (MANAGER, "Apply")
    return ours or told.get("subresource") == "status"
