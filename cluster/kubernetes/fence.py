"""Writes of one lease: an object that a newer lease has written is left alone.

Each object carries the token of the last writer. It is read, its token compared, and written
with the resource version that was read: a writer that lost the lock either finds the newer
token, or fails because the object changed in between.
"""

from cluster.errors import Changed, LostLock, Unavailable
from cluster.kubernetes.api import Api, Object
from cluster.kubernetes.kinds import Kind
from cluster.kubernetes.names import FENCE
from cluster.lock import Lease

ATTEMPTS = 5


def write(api: Api, kind: Kind, content: Object, lease: Lease, *, forced: bool = False) -> Object:
    """Apply the fields that are ours under a lease, and read them back.

    `forced` takes them from whoever else manages them: for what undoes. LostLock when the lease,
    or the object, belongs to a newer one; nothing is written then.
    """
    name = content["metadata"]["name"]
    for _ in range(ATTEMPTS):
        lease.check()
        found = api.find(kind, name)
        require_not_newer(kind, found, lease)
        try:
            # An object that is not there has no version: of two that make it at the same moment
            # the later one wins, and the next look of the newer lease sets it right.
            version = found["metadata"]["resourceVersion"] if found else None
            return api.apply(kind, marked(content, lease, version), forced=forced)
        except Changed:
            # The next round reads who was faster; its token decides.
            continue
    raise Unavailable(f"{kind.name} {name} kept changing under us", hint="repeat the command")


def require_not_newer(kind: Kind, found: Object | None, lease: Lease) -> None:
    """Raise LostLock where an object was written under a newer lease than ours."""
    told = ((found or {}).get("metadata", {}).get("annotations") or {}).get(FENCE)
    if told is not None and int(told) > lease.token:
        name = (found or {})["metadata"]["name"]
        raise LostLock(
            f"{kind.name} {name} was written under a newer lease than that of {lease.holder};"
            " nothing more is written",
            hint=f"pincex resume {lease.component}",
        )


def marked(content: Object, lease: Lease, version: str | None) -> Object:
    """The content with the lease's token and, where there is one, the version that was read."""
    metadata = dict(content["metadata"])
    metadata["annotations"] = {**metadata.get("annotations", {}), FENCE: str(lease.token)}
    if version is not None:
        metadata["resourceVersion"] = version
    return {**content, "metadata": metadata}
