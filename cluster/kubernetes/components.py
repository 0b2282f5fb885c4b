"""Which components a name means: one of them, or all of an application."""

from cluster.kubernetes.api import Api, Object
from cluster.kubernetes.kinds import DEPLOYMENT
from cluster.kubernetes.names import APPLICATION, COMPONENT


def deployments_of(api: Api, name: str) -> dict[str, list[Object]]:
    """The Deployments of each component of an application, or of the one component of that name.

    What has the name of its application is marked as a component alone.
    """
    found: dict[str, list[Object]] = {}
    for mark in (APPLICATION, COMPONENT):
        for deployment in api.list(DEPLOYMENT, {mark: name}):
            found.setdefault(deployment["metadata"]["labels"][COMPONENT], []).append(deployment)
    return dict(sorted(found.items()))
