"""The rights that each part of the site uses, as rules of a Role, and which of them are missing."""

from collections.abc import Iterable
from dataclasses import dataclass

from cluster.errors import Forbidden
from cluster.kubernetes.api import Api
from cluster.kubernetes.kinds import (
    ACCESS_REVIEW,
    BUDGET,
    CONFIG_MAP,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    EVENT,
    GATEWAY,
    HTTP_ROUTE,
    JOB,
    LEASE,
    POD,
    POD_PROXY,
    QUOTA,
    SCALER,
    SECRET,
    SERVICE,
    Kind,
)


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one kind of objects in the site's namespace."""

    kind: Kind
    verb: str

    def __str__(self) -> str:
        return (
            f'{{apiGroups: ["{self.kind.group}"], resources: ["{self.kind.plural}"],'
            f' verbs: ["{self.verb}"]}}'
        )


def _rights(*told: tuple[Kind, str]) -> frozenset[Right]:
    return frozenset(Right(kind, verb) for kind, verbs in told for verb in verbs.split())


# Held to the audit log of a real API server by the tests: none is missing, none is idle. An apply
# that makes an object needs `create`, too, which the log tells as `patch`.
LOCKING = _rights((LEASE, "get create update"))
ROUTING = LOCKING | _rights(
    (HTTP_ROUTE, "get patch create"), (SERVICE, "list"), (ENDPOINT_SLICE, "list")
)
DEPLOYING = LOCKING | _rights(
    (DEPLOYMENT, "get list patch create delete"),
    (SERVICE, "get list patch create delete"),
    (ENDPOINT_SLICE, "list"),
    (POD, "list"),
    (HTTP_ROUTE, "get"),
)
SPLITTING = DEPLOYING | _rights(
    (BUDGET, "list"), (SCALER, "list"), (EVENT, "create"), (JOB, "get list patch create delete")
)  # fmt: skip
RELEASING = SPLITTING | ROUTING | _rights((GATEWAY, "get list"))
SERVING = DEPLOYING | ROUTING | _rights(
    (EVENT, "create"), (GATEWAY, "get list"), (POD_PROXY, "create")
)  # fmt: skip
LOOKING = _rights(
    (DEPLOYMENT, "list"), (POD, "list"), (EVENT, "list"), (SCALER, "list"), (SERVICE, "list"),
    (ENDPOINT_SLICE, "list"), (HTTP_ROUTE, "get"),
)  # fmt: skip
TELLING = _rights(
    (LEASE, "get"), (DEPLOYMENT, "get list"), (POD, "list"), (SERVICE, "get list"),
    (HTTP_ROUTE, "get"),
)  # fmt: skip
CHECKING = RELEASING | _rights((QUOTA, "list"), (SECRET, "get"), (CONFIG_MAP, "get"))
# What a backup keeps, in the order in which it is put back: what is named before what names it.
KEPT = (CONFIG_MAP, SERVICE, DEPLOYMENT, HTTP_ROUTE, BUDGET, SCALER)
KEEPING = _rights(*((kind, "list") for kind in KEPT))
RESTORING = LOCKING | _rights(
    *((kind, "get list patch create update delete") for kind in KEPT),
    (POD, "list"),
    (ENDPOINT_SLICE, "list"),
)
OF_VERB = {
    "validate": CHECKING,
    "diagnose": LOOKING,
    "status": TELLING,
    "backup-config": KEEPING,
    "deploy": RELEASING,
    "rollback": RELEASING,
    "resume": RELEASING,
    "restore-config": RESTORING,
    "deploy-model": SERVING,
    "promote-model": SERVING,
    "rollback-model": SERVING,
}


def require(api: Api, rights: Iterable[Right]) -> None:
    """Forbidden, naming the rules that are missing: a change must not stop half way for one."""
    absent = [str(right) for right in missing(api, rights)]
    if absent:
        raise Forbidden(
            f"{len(absent)} rights are missing; the rules that give them: {', '.join(absent)}",
            hint="add them to the Role (manifests/roles), or ask somebody who has them",
        )


def missing(api: Api, rights: Iterable[Right]) -> list[Right]:
    """Those of `rights` that whoever asks does not have in the site's namespace."""
    ordered = sorted(rights, key=lambda right: (right.kind.plural, right.verb))
    return [right for right in ordered if not _allowed(api, right)]


def _allowed(api: Api, right: Right) -> bool:
    resource, _, part = right.kind.plural.partition("/")
    asked = {
        "namespace": api.access.namespace,
        "verb": right.verb,
        "group": right.kind.group,
        "resource": resource,
        "subresource": part,
    }
    told = api.create(ACCESS_REVIEW, {"metadata": {}, "spec": {"resourceAttributes": asked}})
    allowed: bool = told["status"]["allowed"]
    return allowed
