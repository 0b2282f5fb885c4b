"""A real control plane with fake nodes on loopback, for `make cluster`, and what it is built of."""

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(CHECKOUT)]

from kube_build import CannotBuild, cache, definitions, program  # noqa: E402
from kube_nodes import ensure_nodes  # noqa: E402
from kube_plane import Plane, PlaneDown, Setting  # noqa: E402

DIRECTORY = CHECKOUT / ".pincex-cluster"
NODES = 3


def build() -> int:
    """Have every program that the tests need, so that waiting for them is no test's doing."""
    began = time.monotonic()
    for module in ("kube", "kwok", "pod", "registry"):
        program(module)
    definitions()
    print(f"the programs of a cluster are in {cache()}, after {time.monotonic() - began:.1f} s")
    return 0


def up(directory: Path) -> int:
    """Start what is missing, and say how to use it."""
    began = time.monotonic()
    plane = Plane(directory, Setting())
    plane.up()
    ensure_nodes(plane, NODES)
    took = time.monotonic() - began
    version = plane.kubectl("version", "-o", "json")
    told = subprocess.run(version, capture_output=True, check=True)
    serving = json.loads(told.stdout)["serverVersion"]["gitVersion"]
    print(
        f"Kubernetes {serving} with {NODES} fake nodes, up after {took:.1f} s\n"
        f"use   export KUBECONFIG={plane.kubeconfig}\n"
        f"      {program('kube')} kubectl get nodes\n"
        f"see   {plane.audit_log}\n"
        "end   make cluster-down"
    )
    return 0


def down(directory: Path) -> int:
    """End every process of it, and forget it."""
    ended = Plane(directory, Setting()).down() if directory.exists() else []
    shutil.rmtree(directory, ignore_errors=True)
    print(f"ended {len(ended)} processes: {', '.join(ended) or 'nothing ran'}")
    return 0


def main() -> int:
    """Run one of the verbs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=("build", "up", "down"))
    parser.add_argument("--directory", type=Path, default=DIRECTORY)
    options = parser.parse_args()
    if options.verb == "build":
        return build()
    verb = {"up": up, "down": down}[options.verb]
    return verb(options.directory.resolve())


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (CannotBuild, PlaneDown) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
