"""Which components a name means: one of them, or all of an application."""

from collections.abc import Sequence

from cluster.kubernetes.api import Api, Object
from cluster.kubernetes.kinds import DEPLOYMENT, SERVICE
from cluster.kubernetes.names import APPLICATION, COMPONENT


def deployments_of(api: Api, name: str) -> dict[str, list[Object]]:
    """The Deployments of each component of an application, or of the one component of that name.

    A component whose Deployments are gone has none, as long as a Service of it is left.
    """
    deployments = api.list(DEPLOYMENT, {COMPONENT: None})
    services = api.list(SERVICE, {COMPONENT: None})
    known = sorted(_known([*deployments, *services], name))
    return {one: [made for made in deployments if _mark(made, COMPONENT) == one] for one in known}


def _known(marked: Sequence[Object], name: str) -> set[str]:
    # What has the name of its application carries the mark of a component alone.
    own = {_mark(made, COMPONENT) for made in marked if _mark(made, APPLICATION) == name}
    alone = {name} & {_mark(made, COMPONENT) for made in marked}
    of_another = any(
        _mark(made, APPLICATION) not in ("", name)
        for made in marked
        if _mark(made, COMPONENT) == name
    )
    return own if own and of_another else own | alone


def _mark(made: Object, mark: str) -> str:
    return str(made["metadata"]["labels"].get(mark, ""))
