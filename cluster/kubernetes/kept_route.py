"""Who gets the requests of a component by the objects of a backup."""

import json

from cluster.backup import Items
from cluster.kubernetes.http_route import weights_of
from cluster.kubernetes.kinds import HTTP_ROUTE, SERVICE
from cluster.kubernetes.names import COMPONENT, VERSION
from cluster.kubernetes.split import SHARES


def weights_in(items: Items, component: str) -> dict[str, int] | None:
    """The shares above zero; None where nothing routes, or something that is not as we route."""
    route = items.get(f"{HTTP_ROUTE.name} {component}")
    try:
        shares = (
            weights_of(route, _versions(items, component)) if route else _noted(items, component)
        )
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
    return {version: share for version, share in shares.items() if share} or None


def _noted(items: Items, component: str) -> dict[str, int]:
    """What a Service that splits by pods says of their shares; ValueError where that is none."""
    service = items.get(f"{SERVICE.name} {component}", {"metadata": {"annotations": {}}})
    shares = json.loads(service["metadata"]["annotations"].get(SHARES, "{}"))
    if not all(type(share) is int for share in shares.values()):
        raise ValueError(shares)
    return dict(shares)


def _versions(items: Items, component: str) -> dict[str, str]:
    """The version of each Service that has one."""
    services = [told for item, told in items.items() if item.split()[0] == SERVICE.name]
    marked = [(told["metadata"]["name"], told["metadata"]["labels"]) for told in services]
    return {
        name: marks[VERSION]
        for name, marks in marked
        if marks.get(COMPONENT) == component and VERSION in marks
    }
