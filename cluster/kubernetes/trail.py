"""The trail of what was done, as Events beside the object it was done to."""

import logging
from threading import Thread

from cluster.errors import ClusterError
from cluster.kubernetes.api import MANAGER, Api, Object
from cluster.kubernetes.kinds import EVENT, Kind

NOTE = 1024

log = logging.getLogger("trail")


class Trail:
    """Events of one namespace; kubectl describe shows them with their object."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def say(self, kind: Kind, name: str, reason: str, note: str, *, warning: bool) -> Thread:
        """Add an Event about an object, by a thread of its own: `reason` in one CamelCase word.

        What it tells of is done and stays so: nobody waits for an Event, and one that the cluster
        does not take is logged.
        """
        now = self._api.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        told: Object = {
            "metadata": {"generateName": f"{name}."},
            "type": "Warning" if warning else "Normal",
            "reason": reason,
            "message": note[:NOTE],
            "source": {"component": MANAGER},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        # No daemon: a command that is done ends once its last Event is written or given up.
        writer = Thread(target=self._write, args=(kind, name, told), name=f"event {reason}")
        writer.start()
        return writer

    def _write(self, kind: Kind, name: str, told: Object) -> None:
        try:
            metadata = self._api.get(kind, name)["metadata"]
            about = {key: metadata[key] for key in ("name", "namespace", "uid")}
            about |= {"apiVersion": kind.api_version, "kind": kind.name}
            self._api.create(EVENT, {**told, "involvedObject": about})
        except ClusterError as error:
            log.warning("no event %s about %s: %s", told["reason"], name, error)
