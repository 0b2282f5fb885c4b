"""What a namespace is told about its components: read as items, and put back as they were."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack

from cluster.backup import Backup, Change
from cluster.errors import Changed, NotFound, NotReady, Unavailable
from cluster.kubernetes import fence, rights
from cluster.kubernetes.api import Api, Object
from cluster.kubernetes.endpoints import wait_known
from cluster.kubernetes.kept_objects import alone, asked, begun, ended, exactly, owner, told_of
from cluster.kubernetes.kinds import DEPLOYMENT, POD, SCALER, SERVICE, Kind
from cluster.kubernetes.lock import Lock
from cluster.kubernetes.names import COMPONENT, REGION
from cluster.kubernetes.pods import worst
from cluster.lock import Lease, held

ORDER = rights.KEPT
KINDS = {kind.name: kind for kind in ORDER}
HOLDER, LEASE_SECONDS, READING = "restore-config", 30.0, 0.25
ATTEMPTS, PAUSE = 20, 0.1
Write = Callable[[Object], Object]


class Config:
    """The configuration of one namespace; `within` seconds are what restored pods may take."""

    def __init__(self, api: Api, within: float) -> None:
        self._api = api
        self._within = within

    @property
    def name(self) -> str:
        return f"namespace {self._api.access.namespace} of a cluster"

    def components(self) -> list[str]:
        """Every component that an object here carries the label of, sorted."""
        found = [told for kind in ORDER for told in self._labelled(kind)]
        return sorted({told["metadata"]["labels"][COMPONENT] for told in found})

    def items(self, components: Collection[str]) -> dict[str, Object]:
        """Each object that carries a component's label, as whoever wrote it told it."""
        found = {
            kind: [
                told
                for told in self._labelled(kind)
                if told["metadata"]["labels"][COMPONENT] in components
            ]
            for kind in ORDER
        }
        scaled = {told["spec"]["scaleTargetRef"]["name"] for told in found[SCALER]}
        items = {}
        for kind, objects in found.items():
            for told in objects:
                content = told_of(kind, told)
                if kind is DEPLOYMENT and told["metadata"]["name"] in scaled:
                    content["spec"].pop("replicas", None)
                items[f"{kind.name} {told['metadata']['name']}"] = content
        return items

    def restore(self, backup: Backup, changes: Sequence[Change], still: Callable[[], None]) -> None:
        """Rehearse every write, then make them: what serves, the traffic, then what is too much.

        `still` raises under all locks where what was planned does not hold any more. NotReady
        where restored pods do not serve; then traffic is as it was.
        """
        rights.require(self._api, rights.RESTORING)
        wanted, present = backup.items, self.items(backup.components)
        put = [change.item for change in changes if change.verb != "remove"]
        removed = [change.item for change in changes if change.verb == "remove"]
        for item in put:
            self._rehearse(KINDS[item.split()[0]], wanted[item])
        owners = {item: owner(wanted.get(item) or present[item]) for item in (*put, *removed)}
        with ExitStack() as stack:
            lock = Lock(self._api)
            leases = {
                name: stack.enter_context(held(lock, name, REGION, HOLDER, LEASE_SECONDS))
                for name in sorted(set(owners.values()))
            }
            still()
            for kind in ORDER:
                ours = [item for item in put if item.split()[0] == kind.name]
                for item in ours:
                    self._put(kind, wanted[item], leases[owners[item]])
                if kind is DEPLOYMENT:
                    # Those put back by a restore that was killed are equal, and maybe not ready.
                    self._wait(sorted({*(item.split()[1] for item in ours), *asked(put, wanted)}))
                    # A route must not lead to a Service that does not know yet which pods serve.
                    for item in wanted:
                        if item.split()[0] == SERVICE.name:
                            wait_known(self._api, item.split()[1], self._within)
            for kind in reversed(ORDER):
                ours = [item for item in removed if item.split()[0] == kind.name]
                for item in ours:
                    self._remove(kind, item.split()[1], leases[owners[item]])
                if kind is DEPLOYMENT:
                    self._wait_gone(ended(removed, present))

    def _labelled(self, kind: Kind) -> list[Object]:
        try:
            return self._api.list(kind, {COMPONENT: None})
        except NotFound:
            # A cluster without a Gateway does not know its routes.
            return []

    def _rehearse(self, kind: Kind, content: Object) -> None:
        name = content["metadata"]["name"]
        if self._api.find(kind, name) is None:
            self._api.apply(kind, content, rehearsed=True)
            return

        def rehearse(found: Object) -> None:
            self._api.replace(kind, exactly(kind, found, content), rehearsed=True)

        self._insist(kind, name, rehearse)

    def _put(self, kind: Kind, content: Object, lease: Lease) -> None:
        """Exactly this content, all of it ours: what others managed of it is taken from them.

        Until the last of three writes a mark says so: killed before, it is not as it was yet.
        """
        name = content["metadata"]["name"]
        lease.check()
        if self._api.find(kind, name) is None:
            self._api.apply(kind, fence.marked(content, lease, None))
            return
        first = begun(fence.marked(content, lease, None))
        self._over(kind, name, lease, lambda found: self._replace(kind, found, first))
        self._over(kind, name, lease, lambda found: self._take(kind, found, content, lease))
        self._over(kind, name, lease, lambda found: self._api.replace(kind, alone(found)))

    def _over(self, kind: Kind, name: str, lease: Lease, write: Write) -> None:
        """One write over what was just read: nothing that a newer lease wrote is undone."""

        def fenced(found: Object) -> None:
            lease.check()
            fence.require_not_newer(kind, found, lease)
            write(found)

        self._insist(kind, name, fenced)

    def _insist(self, kind: Kind, name: str, write: Callable[[Object], None]) -> None:
        """Read, then write; again when somebody was faster."""
        for _ in range(ATTEMPTS):
            found = self._api.get(kind, name)
            try:
                write(found)
                return
            except Changed:
                # A controller notes its progress in the object.
                time.sleep(PAUSE)
        raise Unavailable(f"{kind.name} {name} kept changing under us", hint="repeat the command")

    def _replace(self, kind: Kind, found: Object, content: Object) -> Object:
        return self._api.replace(kind, exactly(kind, found, content))

    def _take(self, kind: Kind, found: Object, content: Object, lease: Lease) -> Object:
        version = found["metadata"]["resourceVersion"]
        return self._api.apply(kind, fence.marked(content, lease, version), forced=True)

    def _remove(self, kind: Kind, name: str, lease: Lease) -> None:
        lease.check()
        fence.require_not_newer(kind, self._api.find(kind, name), lease)
        self._api.delete(kind, name)

    def _wait_gone(self, marks: Sequence[Mapping[str, str]]) -> None:
        """Services go when their pods have: a proxy that is late still finds them."""
        deadline = time.monotonic() + self._within
        for labels in marks:
            while pods := self._api.list(POD, labels):
                if time.monotonic() > deadline:
                    raise NotReady(
                        f"{len(pods)} pods did not end in {self._within:g} s; all else is back",
                        hint="kubectl get pods; then repeat the command",
                    )
                time.sleep(READING)

    def _wait(self, names: Sequence[str]) -> None:
        deadline = time.monotonic() + self._within
        for name in names:
            while not _serves(found := self._api.get(DEPLOYMENT, name)):
                marks = found["spec"]["selector"]["matchLabels"]
                trouble = worst(list(self._api.list(POD, marks)))
                if (trouble and trouble.lasting) or time.monotonic() > deadline:
                    raise NotReady(
                        f"{name} was put back and does not serve: {trouble or 'not yet'};"
                        " the traffic is as it was",
                        hint=f"kubectl describe deployment {name}; then repeat the command",
                    )
                time.sleep(READING)


def _serves(found: Object) -> bool:
    status, replicas = found.get("status", {}), int(found["spec"]["replicas"])
    seen = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
    counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
    return bool(seen) and counts == [replicas] * 3
