"""What of a release would go wrong in a namespace, before anything of it is there."""

from collections.abc import Sequence
from functools import partial

from cluster.kubernetes.api import Api
from cluster.kubernetes.flags import NAME as FLAGS
from cluster.kubernetes.flags import flag_lines
from cluster.kubernetes.kinds import DEPLOYMENT, QUOTA, SERVICE
from cluster.kubernetes.preflight import Look, of_component, references
from cluster.kubernetes.registry import in_registry
from cluster.kubernetes.room import room
from cluster.kubernetes.services import workload_of
from cluster.kubernetes.workloads import objects
from cluster.kubernetes.zero_downtime import pinned
from rollout.application import Component
from rollout.checklist import Flags
from rollout.checklist_line import Line, Outcome

MANIFESTS = "manifests"
NO_FLAGS = Line(
    FLAGS,
    Outcome.NOT_CHECKED,
    "nobody said which must have which value",
    "whoever owns the flags must look; [flags] in the checklist declares them",
)


def of_release(
    api: Api, owner: str, parts: Sequence[Component], version: str, flags: Flags | None
) -> list[Look]:
    """What is looked at, component by component; `owner` is the application they are of."""
    looks: list[Look] = []
    for part in parts:
        looks += of_component(api, part.name)
        looks.append((f"{part.name}: image", partial(_image, part, version)))
        named = f"{part.name}: {MANIFESTS}"
        looks.append((named, partial(_manifests, api, owner, part, version)))
        looks.append((f"{part.name}: references", partial(_references, api, owner, part, version)))
    looks.append(("quotas", partial(_room, api, owner, parts, version)))
    looks.append((FLAGS, lambda: [NO_FLAGS] if flags is None else flag_lines(api, flags)))
    return looks


def _image(part: Component, version: str) -> list[Line]:
    image = workload_of(part, version).image
    return [pinned("digest", image).of(part.name), in_registry(image).of(part.name)]


def _manifests(api: Api, owner: str, part: Component, version: str) -> list[Line]:
    """The API server says of what a deploy would write whether it took it, and keeps nothing."""
    service, deployment = objects(part.name, version, workload_of(part, version), owner)
    api.apply(SERVICE, service, rehearsed=True)
    api.apply(DEPLOYMENT, deployment, rehearsed=True)
    name = deployment["metadata"]["name"]
    said = f"Service and Deployment {name} would be taken; its pods are asked for only then"
    return [Line(MANIFESTS, Outcome.OK, said).of(part.name)]


def _references(api: Api, owner: str, part: Component, version: str) -> list[Line]:
    _, deployment = objects(part.name, version, workload_of(part, version), owner)
    return [line.of(part.name) for line in references(api, deployment)]


def _room(api: Api, owner: str, parts: Sequence[Component], version: str) -> list[Line]:
    """For the pods of all components at once: no version before ends until its candidate serves."""
    made = [objects(part.name, version, workload_of(part, version), owner)[1] for part in parts]
    lines = [line for quota in api.list(QUOTA, {}) for line in room(quota, made, version)]
    return lines or [Line("quotas", Outcome.OK, "none limits the pods of the namespace")]
