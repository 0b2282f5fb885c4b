"""A pod that has the programs of this machine: an image of links, and what they lead to mounted.

The checkout is where it is here, and at /app, where the worker's manifests have it; so is Python.
"""

import sys
from pathlib import Path
from typing import Any

from kube_image import linked
from kube_real import NODE, RealNode
from kube_worker import IMAGE_HOME, ROOT

IMAGE = "pincex.test/host:1"


def add_image(node: RealNode) -> None:
    """The image, unless the node has it; `/bin` and its like are links on this machine, too."""
    if IMAGE in node.ctr("images", "ls", "-q").split():
        return
    links = {one.name: str(one.readlink()) for one in Path("/").iterdir() if one.is_symlink()}
    archive = node.directory / "host.tar"
    archive.write_bytes(linked(links, IMAGE))
    node.ctr("images", "import", str(archive))


def with_programs(name: str) -> dict[str, Any]:
    """A patch of a Deployment whose container `worker` gets them, in the network of the node."""
    python = Path(sys.base_prefix)
    places = {"usr": ("/usr", "/usr"), "app": (str(ROOT), IMAGE_HOME), "here": (str(ROOT),) * 2}
    if not python.is_relative_to("/usr"):
        places["python"] = (str(python),) * 2
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "template": {
                "spec": {
                    "hostNetwork": True,
                    "containers": [
                        {
                            "name": "worker",
                            "volumeMounts": [
                                {"name": f"host-{key}", "mountPath": inside, "readOnly": True}
                                for key, (_, inside) in places.items()
                            ],
                        }
                    ],
                    "volumes": [
                        {"name": f"host-{key}", "hostPath": {"path": here, "type": "Directory"}}
                        for key, (here, _) in places.items()
                    ],
                }
            }
        },
    }


def volume(name: str, folder: Path) -> dict[str, Any]:
    """A volume on the node, which a kubelet gives to the group that a pod asks for."""
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "2Gi"},
            "accessModes": ["ReadWriteOnce"],
            "local": {"path": str(folder)},
            "nodeAffinity": {
                "required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]},
            },
        },
    }
