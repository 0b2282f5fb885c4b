"""Whether the quotas of a namespace leave room for pods beside those that run."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from cluster.errors import Invalid
from rollout.checklist_line import Line, Outcome

PODS = "pods"
SAME = {"cpu": "requests.cpu", "memory": "requests.memory", "count/pods": PODS}
OF_CONTAINERS = re.compile(r"(?:requests|limits)\.(?!storage\Z|ephemeral-storage\Z).+")
QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)([numkMGTPE]|[KMGTPE]i|)")
FACTORS = {name: Decimal(1000) ** power for power, name in enumerate("num", start=-3)}
FACTORS |= {name: Decimal(1000) ** power for power, name in enumerate("kMGTPE", start=1)}
FACTORS |= {f"{name}i": Decimal(1024) ** power for power, name in enumerate("KMGTPE", start=1)}
FACTORS[""] = Decimal(1)

Object = Mapping[str, Any]


def room(quota: Object, deployments: Sequence[Object], who: str) -> list[Line]:
    """A line for each resource that a quota limits and pods take; `who` brings the Deployments."""
    title = f"quota {quota['metadata']['name']}"
    spec, used = quota["spec"], quota.get("status", {}).get("used", {})
    if spec.get("scopes") or spec.get("scopeSelector"):
        said = "it counts some pods only, and whether these are among them is not known from here"
        return [Line(title, Outcome.NOT_CHECKED, said, "whoever made the quota must look")]
    lines = []
    for limited, limit in sorted(spec.get("hard", {}).items()):
        resource = SAME.get(limited, limited)
        if resource == PODS or OF_CONTAINERS.fullmatch(resource):
            needed = _total(deployments, resource)
            lines.append(_left(title, limited, (limit, used.get(limited)), needed, who))
    return lines


def _left(
    title: str, limited: str, told: tuple[str, str | None], needed: Decimal | None, who: str
) -> Line:
    name, (limit, used) = f"{title}: {limited}", told
    if used is None:
        said = "nobody has counted yet what is used of it"
        return Line(name, Outcome.NOT_CHECKED, said, "repeat the command in a minute")
    if needed is None:
        said = f"{who} does not say what its containers take, so they need defaults to be admitted"
        right = f"whoever made the LimitRange must look; or name {limited} in the pods"
        return Line(name, Outcome.NOT_CHECKED, said, right)
    left = amount(limit) - amount(used)
    said = f"{_shown(left)} of {limit} left, {who} takes {_shown(needed)}"
    if left < needed:
        return Line(name, Outcome.FAIL, said, f"raise {limited} of the quota, or fewer replicas")
    return Line(name, Outcome.OK, said)


def _total(deployments: Sequence[Object], resource: str) -> Decimal | None:
    """What all pods take; None where a container does not say."""
    total = Decimal(0)
    for told in deployments:
        each = _of_pod(told["spec"]["template"]["spec"], resource)
        if each is None:
            return None
        total += each * int(told["spec"].get("replicas", 1))
    return total


def _of_pod(pod: Object, resource: str) -> Decimal | None:
    """All that run beside each other, or the greediest of those that run before them."""
    if resource == PODS:
        return Decimal(1)
    first = pod.get("initContainers") or ()
    staying = [one for one in first if one.get("restartPolicy") == "Always"]
    passing = [one for one in first if one.get("restartPolicy") != "Always"]
    together = [*staying, *pod["containers"]]
    if not all(_said(one, resource) for one in (*passing, *together)):
        return None
    most = max((_sum([one, *staying], resource) for one in passing), default=Decimal(0))
    return max(most, _sum(together, resource))


def _sum(containers: Sequence[Object], resource: str) -> Decimal:
    return sum((amount(_said(one, resource) or "0") for one in containers), Decimal(0))


def _said(container: Object, resource: str) -> str | None:
    """What a container takes: what it does not request is what it is limited to."""
    kind, _, name = resource.partition(".")
    resources = container.get("resources") or {}
    limit = (resources.get("limits") or {}).get(name)
    found = (resources.get("requests") or {}).get(name, limit) if kind == "requests" else limit
    return None if found is None else str(found)


def amount(quantity: str) -> Decimal:
    """A Kubernetes quantity as a number: 100m is 0.1, 1Ki is 1024."""
    found = QUANTITY.fullmatch(quantity)
    if found is None:
        raise Invalid(f"{quantity!r} is no quantity", hint="such as 500m or 1Gi")
    return Decimal(found[1]) * FACTORS[found[2]]


def _shown(quantity: Decimal) -> str:
    """In the largest binary unit in which it is whole, where it is as large as memory is."""
    for power, name in reversed(list(enumerate("MGTPE", start=2))):
        if quantity and quantity % Decimal(1024) ** power == 0:
            return f"{quantity / Decimal(1024) ** power:f}{name}i"
    return f"{quantity.normalize():f}"
