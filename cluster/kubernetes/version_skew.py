"""Whether the kubelets of the nodes may run under their API server, by the version skew policy.

Kubernetes says: a kubelet is never newer than the API server, and at most three minor versions
older (two, before 1.25).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rollout.checklist_line import Line, Outcome

NAME = "version skew"
RELEASE = re.compile(r"v?(\d+)\.(\d+)\b")
OLDEST, OLDEST_BEFORE, SINCE = 3, 2, 25
RULE = "a kubelet is not newer than its API server, and at most three minor versions older"
SHOWN = 5

Release = tuple[int, int]


def version_skew(server: str, nodes: Sequence[Mapping[str, Any]]) -> Line:
    """One line about all nodes; a version that cannot be read is not checked."""
    kubelets = {node["metadata"]["name"]: _kubelet(node) for node in nodes}
    own, told = _release(server), {name: _release(said) for name, said in kubelets.items()}
    unread = [name for name, release in told.items() if release is None]
    if own is None or unread or not nodes:
        said = f"API server {server}; no version of {_some(unread) or 'any node'}"
        return Line(NAME, Outcome.NOT_CHECKED, said, "whoever runs the nodes must look")
    apart = {name: why for name, release in told.items() if (why := _apart(own, release))}
    if apart:
        faults = [f"{name} ({kubelets[name]}) is {why}" for name, why in apart.items()]
        said = f"API server {server}: {_some(faults)}"
        return Line(NAME, Outcome.FAIL, said, RULE)
    known = ", ".join(sorted(set(kubelets.values())))
    return Line(NAME, Outcome.OK, f"API server {server}, kubelets {known}")


def _apart(server: Release, kubelet: Release | None) -> str | None:
    """What is wrong with a kubelet's version, in words."""
    if kubelet is None:
        return None
    if kubelet > server:
        return "newer"
    oldest = OLDEST if kubelet >= (1, SINCE) else OLDEST_BEFORE
    if kubelet[0] < server[0] or server[1] - kubelet[1] > oldest:
        return f"more than {oldest} minor versions older"
    return None


def _kubelet(node: Mapping[str, Any]) -> str:
    return str(node.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", ""))


def _release(told: str) -> Release | None:
    found = RELEASE.match(told)
    return (int(found[1]), int(found[2])) if found else None


def _some(words: Sequence[str]) -> str:
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more
