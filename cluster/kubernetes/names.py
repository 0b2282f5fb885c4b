"""How components and versions are called in a cluster, and whose objects are ours."""

import re

from cluster.errors import Refused

PREFIX = "rollout.pincex"
COMPONENT, VERSION = f"{PREFIX}/component", f"{PREFIX}/version"
FENCE = f"{PREFIX}/token"
# Whose lease fences an object, where that is not its component's.
APPLICATION = f"{PREFIX}/application"
# On an object that a restore has begun to write, and not finished.
RESTORING = f"{PREFIX}/restoring"
STEP, STEP_OF = f"{PREFIX}/release-step", f"{PREFIX}/release-step-of"
# A namespace of one cluster is one region; its leases lie in it.
REGION = "cluster"
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?")
RELEASE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


def require_component(name: str) -> str:
    """A component's or region's name that can be part of an object's name in a cluster."""
    if LABEL.fullmatch(name) is None or "--" in name:
        raise Refused(
            f"{name!r} cannot be a name in a cluster: lower-case letters, digits and single -,"
            " at most 42"
        )
    return name


def object_name(component: str, version: str) -> str:
    """What the Deployment and the Service of a version are called: v2.1.0 becomes v2-1-0.

    Two versions that would share a name are told apart by their label, and refused.
    """
    if RELEASE.fullmatch(version) is None:
        raise Refused(
            f"{version!r} cannot be a version in a cluster: letters, digits and . _ -, at most 63"
        )
    made = f"{require_component(component)}-{re.sub(r'[^a-z0-9]+', '-', version.lower())}"
    if len(made) > 63:
        raise Refused(f"{made} is longer than the 63 characters that a Service may have")
    return made


def labels(component: str, version: str) -> dict[str, str]:
    """The labels that pods, Deployment and Service of a version carry."""
    return {COMPONENT: component, VERSION: version}


def owned(marks: dict[str, str], owner: str) -> dict[str, str]:
    """The labels of an object that is written under the lease of `owner`."""
    return marks if marks[COMPONENT] == owner else {**marks, APPLICATION: owner}
