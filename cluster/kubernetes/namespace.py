"""Whether the namespace of a site is there, and stays."""

from cluster.errors import Forbidden, NotFound, Refused
from cluster.kubernetes.api import Api
from cluster.kubernetes.kinds import NAMESPACE

ACTIVE = "Active"


def require(api: Api) -> None:
    """NotFound where there is no such namespace, Refused where it is being deleted.

    Who may not look at it passes: rights in a namespace do not say that one may see it.
    """
    name = api.access.namespace
    hint = f"kubectl create namespace {name}; or name another one: kubectl get namespaces"
    try:
        found = api.get(NAMESPACE, name)
    except NotFound:
        raise NotFound(f"{api.access.context} has no namespace {name}", hint=hint) from None
    except Forbidden:
        return
    if found["status"]["phase"] != ACTIVE:
        raise Refused(f"the namespace {name} is being deleted", hint=f"once it is gone: {hint}")


def absent(api: Api) -> str | None:
    """The same in words; None where it is well."""
    try:
        require(api)
    except (NotFound, Refused) as error:
        return str(error)
    return None
