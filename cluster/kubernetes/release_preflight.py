"""What of a release would go wrong in a namespace, before anything of it is there."""

from collections.abc import Callable, Sequence
from functools import cache, partial

from cluster.errors import Forbidden, Invalid, Owned, Refused
from cluster.kubernetes.api import Api, Object
from cluster.kubernetes.flags import NAME as FLAGS
from cluster.kubernetes.flags import flag_lines
from cluster.kubernetes.kinds import DEPLOYMENT, QUOTA, SERVICE
from cluster.kubernetes.preflight import Look, of_component, references
from cluster.kubernetes.registry import in_registry
from cluster.kubernetes.room import room
from cluster.kubernetes.services import workload_of
from cluster.kubernetes.workloads import objects
from cluster.kubernetes.zero_downtime import zero_downtime
from rollout.application import Component
from rollout.checklist import Flags
from rollout.checklist_line import Line, Outcome

Written = Callable[[], tuple[Object, Object]]
"""The Service and the Deployment of a version; one of our errors where they cannot be named."""

Sound = Callable[[], Object | None]
"""Such a Deployment, unless it is none at all."""

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
    sounds: list[Sound] = []
    for part in parts:
        name, workload = part.name, workload_of(part, version)
        written = partial(objects, name, version, workload, owner)
        looks += of_component(api, name)
        looks.append((f"{name}: image", partial(_image, name, workload.image)))
        looks.append((f"{name}: {MANIFESTS}", partial(_manifests, api, name, written)))
        # Rehearsed once for all that look into it.
        sounds.append(cache(partial(_sound, api, written)))
        looks.append((f"{name}: pods", partial(_pods, api, name, sounds[-1])))
    looks.append(("quotas", partial(_room, api, sounds, version)))
    looks.append((FLAGS, lambda: [NO_FLAGS] if flags is None else flag_lines(api, flags)))
    return looks


def _image(name: str, image: str) -> list[Line]:
    return [in_registry(image).of(name)]


def _manifests(api: Api, name: str, written: Written) -> list[Line]:
    """The API server says of what a deploy would write whether it took it, and keeps nothing."""
    called = _rehearsed(api, written)["metadata"]["name"]
    said = f"Service and Deployment {called} would be taken; pods are admitted only when they come"
    return [Line(MANIFESTS, Outcome.OK, said).of(name)]


def _rehearsed(api: Api, written: Written) -> Object:
    """The Deployment that a deploy would write, which the API server would take."""
    service, deployment = written()
    api.apply(SERVICE, service, rehearsed=True)
    api.apply(DEPLOYMENT, deployment, rehearsed=True)
    return deployment


def _sound(api: Api, written: Written) -> Object | None:
    """The same, whoever owns it and may write it; None where it is no Deployment at all.

    The line of its manifests tells each of these.
    """
    _, deployment = written()
    try:
        return _rehearsed(api, written)
    except Invalid:
        return None
    except (Forbidden, Owned, Refused):
        return deployment


def _pods(api: Api, name: str, sound: Sound) -> list[Line]:
    """The Deployment that would be written, by the rules for those that are there."""
    deployment = sound()
    if deployment is None:
        return []
    lines = [*zero_downtime(deployment, (), ()), *references(api, deployment)]
    return [line.of(name) for line in lines]


def _room(api: Api, sounds: Sequence[Sound], version: str) -> list[Line]:
    """For the pods of all components at once: no version before ends until its candidate serves."""
    made = [sound() for sound in sounds]
    more = [one for one in made if one is not None and not _is_up(api, one)]
    lines = [line for quota in api.list(QUOTA, {}) for line in room(quota, more, version)]
    return lines or [Line("quotas", Outcome.OK, "none limits the pods of the namespace")]


def _is_up(api: Api, deployment: Object) -> bool:
    """Whether all of its pods are counted already, as those of a version that serves are."""
    found = api.find(DEPLOYMENT, deployment["metadata"]["name"])
    return found is not None and found["spec"]["replicas"] >= deployment["spec"]["replicas"]
