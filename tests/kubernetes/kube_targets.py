"""Tells a Prometheus which pods there are: Debian's own is built without a way to ask a cluster."""

import json
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

from cluster.errors import ClusterError
from cluster.kubernetes.api import Api
from cluster.kubernetes.kinds import POD
from cluster.kubernetes.names import COMPONENT, VERSION

EVERY = 0.3


@dataclass
class Targets:
    """Writes the pods of components, as they come and go, into a file that Prometheus watches."""

    api: Api
    file: Path
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def job(self) -> dict[str, object]:
        """The job that scrapes them, each by its component and version."""
        return {"job_name": "pods", "file_sd_configs": [{"files": [str(self.file)]}]}

    def __enter__(self) -> "Targets":
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        told: object = None
        while not self._ended.wait(EVERY):
            try:
                found = self._found()
            except ClusterError:
                # A busy API server: what is known stays known.
                continue
            if found != told:
                draft = self.file.with_suffix(".draft")
                draft.write_text(json.dumps(found))
                os.replace(draft, self.file)
                told = found

    def _found(self) -> list[dict[str, object]]:
        return [
            {
                "targets": [f"{pod['status']['podIP']}:8080"],
                "labels": {"component": marks[COMPONENT], "version": marks[VERSION]},
            }
            for pod in self.api.list(POD, {})
            if COMPONENT in (marks := pod["metadata"]["labels"]) and pod["status"].get("podIP")
        ]
