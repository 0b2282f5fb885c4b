"""The trail of what was done, as Events beside the object it was done to."""

import logging

from cluster.errors import ClusterError
from cluster.kubernetes.api import MANAGER, Api, Object
from cluster.kubernetes.kinds import EVENT, Kind

NOTE = 1024

log = logging.getLogger("trail")


class Trail:
    """Events of one namespace; kubectl describe shows them with their object."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def say(self, kind: Kind, about: Object, reason: str, note: str, *, warning: bool) -> None:
        """Add an Event about an object as it was read: `reason` in one CamelCase word.

        One that the cluster does not take is logged: what it tells of is done, and stays so.
        """
        metadata = about["metadata"]
        now = self._api.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        told: Object = {
            "metadata": {"generateName": f"{metadata['name']}."},
            "involvedObject": {
                "apiVersion": kind.api_version,
                "kind": kind.name,
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
            },
            "type": "Warning" if warning else "Normal",
            "reason": reason,
            "message": note[:NOTE],
            "source": {"component": MANAGER},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            self._api.create(EVENT, told)
        except ClusterError as error:
            log.warning("no event %s about %s: %s", reason, metadata["name"], error)
