"""Why a component does not roll out, answer or keep up: read from a namespace, changing nothing."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cluster.diagnosis import Case, Diagnosis, Finding, likeliest_first
from cluster.errors import NotFound
from cluster.kubernetes.api import Api, Object
from cluster.kubernetes.components import deployments_of
from cluster.kubernetes.kinds import EVENT, HTTP_ROUTE, POD, SCALER
from cluster.kubernetes.names import COMPONENT, VERSION
from cluster.kubernetes.namespace import require as require_namespace
from cluster.kubernetes.pods import CONFIG, IMAGE, condition_of, is_ready
from cluster.kubernetes.traffic import Traffic
from rollout.credentials import redacted

QUOTA = re.compile(r"exceeded quota: ([^,]+), (.*)")
SANDBOX = "FailedCreatePodSandBox"
# Of events about a pod none of whose containers began: what each is about.
BEFORE = {
    "FailedMount": "volume",
    "FailedAttachVolume": "volume",
    SANDBOX: "pod sandbox",
}
# What a container runtime says before what went wrong, and the name of a sandbox in it.
AROUND = re.compile(r' "[0-9a-f]{64}"|^Failed to create pod sandbox: rpc error: .*? desc = ')
WORDS, PATH_WORDS = 160, 400
# How a server of ours begins its last words when its files are not what was registered.
DAMAGED = "damaged model files"
NOT_SEEN = ("logs", "CPU and memory in use (metrics API)")
NO_LIMIT = "(that of its node)"
TIMING = "a longer timeoutSeconds of the probe, or a quicker path"
# The first that is found in a probe's own words: what it says, and what would be right.
PROBES = (
    ("connection refused", "slow start", "it listens, on the port of the probe, before it fails"),
    ("Startup probe failed", "slow start", "it answers its live path, and in time"),
    ("statuscode: 5", "dead dependency", "what it needs to be ready answers; its log says what"),
    ("deadline exceeded", "probe timing", TIMING),
    ("Timeout", "probe timing", TIMING),
)


def diagnose(api: Api, traffic: Traffic, name: str) -> Diagnosis:
    """The causes that can be seen of a component or of an application's, the certain ones first.

    NotFound for an unknown name.
    """
    space = f"kubectl -n {api.access.namespace}"
    each = deployments_of(api, name)
    if not each:
        require_namespace(api)
        raise NotFound(
            f"{name} has no Deployment in {api.access.namespace}",
            hint=f"{space} get deployments -L {COMPONENT}",
        )
    pods = {component: api.list(POD, {COMPONENT: component}) for component in each}
    events, scalers = api.list(EVENT, {}), api.list(SCALER, {})
    found: list[Finding] = []
    for component, deployments in each.items():
        causes = [
            *_of_pods(deployments, pods[component], events, space),
            *(cause for told in _of(deployments, scalers) for cause in of_scaler(told, space)),
            *_of_route(api, traffic, component, deployments, space),
        ]
        found += likeliest_first(causes)
    counted = f"{sum(map(len, each.values()))} Deployments", f"{sum(map(len, pods.values()))} pods"
    seen = (*counted, "their events", "the route" if len(each) == 1 else "their routes")
    certain = sorted(found, key=lambda told: not told.certain)
    return Diagnosis(certain, seen, NOT_SEEN, _unwell(each))


def _of_pods(
    deployments: Sequence[Object], pods: Sequence[Object], events: Sequence[Object], space: str
) -> Iterator[Finding]:
    for told in deployments:
        yield from of_deployment(told, space)
    for pod in pods:
        yield from of_pod(pod, _about(events, pod), space)


def of_deployment(deployment: Object, space: str) -> Iterator[Finding]:
    """Pods that the cluster does not admit."""
    name = deployment["metadata"]["name"]
    for condition in deployment.get("status", {}).get("conditions", ()):
        if condition["type"] != "ReplicaFailure" or condition["status"] != "True":
            continue
        message = str(condition["message"])
        if full := QUOTA.search(message):
            evidence = f"{name}: quota {full[1]} is used up ({full[2]})"
            yield Finding(Case.STUCK, "quota", evidence, f"{space} edit quota {full[1]}")
        else:
            evidence = f"{name}: {_quoted(message)}"
            yield Finding(Case.STUCK, "admission", evidence, f"{space} describe deployment {name}")


def of_pod(pod: Object, events: Sequence[Object], space: str) -> Iterator[Finding]:
    """What keeps a pod from serving, and what ended its containers."""
    name, status = pod["metadata"]["name"], pod.get("status", {})
    for told in status.get("containerStatuses") or ():
        last = (told.get("lastState") or {}).get("terminated") or {}
        if last.get("reason") == "OOMKilled":
            limit = _memory(pod, told["name"])
            evidence = f"{name}: {told['name']} was killed at its memory limit {limit}"
            remedy = f"{space} set resources deployment {_owner(pod)} --limits=memory=MORE"
            yield Finding(Case.PERFORMANCE, "memory", evidence, remedy)
    # Between two ends by its liveness probe a pod may well say that it is ready.
    yield from _killed(name, events, space)
    if is_ready(pod) or pod["metadata"].get("deletionTimestamp"):
        return
    yield from _unscheduled(name, status, space)
    if not any(_began(told) for told in status.get("containerStatuses") or ()):
        # A new namespace has its certificates late: what was mounted meanwhile is no cause.
        yield from _not_begun(name, status, events, space)
    probed = list(_probed(name, events, space))
    yield from probed
    for told in status.get("containerStatuses") or ():
        damaged = list(_damaged(pod, told))
        yield from damaged or _waiting(name, told, space, by_probe=bool(probed))


def of_scaler(scaler: Object, space: str) -> Iterator[Finding]:
    """An autoscaler that would like more pods than it may make."""
    name, status = scaler["metadata"]["name"], scaler.get("status", {})
    for condition in status.get("conditions") or ():
        limited = condition["type"] == "ScalingLimited" and condition["status"] == "True"
        if limited and condition.get("reason") == "TooManyReplicas":
            most = scaler["spec"]["maxReplicas"]
            evidence = f"autoscaler {name} is at its most, {most} pods, and wants more"
            yield Finding(Case.PERFORMANCE, "CPU", evidence, f"{space} edit hpa {name}")


def _of_route(
    api: Api, traffic: Traffic, component: str, deployments: Sequence[Object], space: str
) -> Iterator[Finding]:
    try:
        if api.find(HTTP_ROUTE, component) is None:
            return
        route = traffic.route(component)
    except NotFound:
        return
    known = {told["metadata"]["labels"].get(VERSION): told for told in deployments}
    for version, share in sorted(route.weights.items()):
        if share == 0 or traffic.ready_pods(component, version):
            continue
        wanted = known[version]["spec"]["replicas"] if version in known else 0
        evidence = f"{version} gets {share} % of the traffic and has no ready pod of {wanted}"
        remedy = f"{space} get pods -l {COMPONENT}={component},{VERSION}={version}"
        if wanted == 0:
            remedy = f"{space} get deployments -l {COMPONENT}={component}"
        yield Finding(Case.MODEL, "model service unreachable", evidence, remedy)


def _quoted(said: str, words: int = WORDS) -> str:
    return redacted(said)[:words]


def _unscheduled(name: str, status: Mapping[str, Any], space: str) -> Iterator[Finding]:
    for condition in status.get("conditions") or ():
        if condition["type"] != "PodScheduled" or condition["status"] != "False":
            continue
        message = str(condition.get("message"))
        evidence = f"{name}: {_quoted(message)}"
        if "persistentvolumeclaim" in message.lower():
            yield Finding(Case.STUCK, "volume", evidence, f"{space} get pvc")
        elif "Insufficient" in message or "Too many pods" in message:
            yield Finding(Case.STUCK, "node capacity", evidence, "kubectl describe nodes")
        else:
            yield Finding(Case.STUCK, "no node fits", evidence, f"{space} describe pod {name}")


def _began(told: Mapping[str, Any]) -> bool:
    state = told.get("state") or {}
    return "waiting" not in state or bool(told.get("restartCount"))


def _not_begun(
    name: str, status: Mapping[str, Any], events: Sequence[Object], space: str
) -> Iterator[Finding]:
    """What was said last: a kubelet may first only have waited for what it then finds missing."""
    over = {SANDBOX} if _has_sandbox(status) else set()
    said = [event for event in events if event.get("reason") in BEFORE.keys() - over]
    if said:
        newest = max(said, key=lambda event: event.get("lastTimestamp") or "")
        evidence = f"{name}: {_quoted(AROUND.sub('', str(newest.get('message'))))}"
        remedy = f"{space} describe pod {name}"
        yield Finding(Case.STUCK, BEFORE[newest["reason"]], evidence, remedy)


def _has_sandbox(status: Mapping[str, Any]) -> bool:
    """Images are pulled, and containers made, inside of a sandbox only."""
    reasons = {
        ((told.get("state") or {}).get("waiting") or {}).get("reason")
        for told in status.get("containerStatuses") or ()
    }
    made = condition_of(status, "PodReadyToStartContainers") == "True"
    return made or not reasons.isdisjoint(IMAGE | CONFIG)


def _killed(name: str, events: Sequence[Object], space: str) -> Iterator[Finding]:
    for event in events:
        message = str(event.get("message"))
        if event.get("reason") == "Unhealthy" and message.startswith("Liveness probe failed"):
            evidence = f"{name}: killed by its liveness probe: {_quoted(message)}"
            remedy = f"{space} edit deployment {name.rsplit('-', 2)[0]}; right: {TIMING}"
            yield Finding(Case.HEALTH, "probe timing", evidence, remedy)


def _probed(name: str, events: Sequence[Object], space: str) -> Iterator[Finding]:
    """What the kubelet said of its probes, with what in them tells the causes apart."""
    for event in events:
        message = str(event.get("message"))
        if event.get("reason") != "Unhealthy" or message.startswith("Liveness"):
            continue
        for words, cause, right in PROBES:
            if words in message:
                evidence = f"{name}: {_quoted(message)} ({event.get('count') or 1} times)"
                remedy = f"{space} logs {name}; right: {right}"
                yield Finding(Case.HEALTH, cause, evidence, remedy, certain=False)
                break


def _damaged(pod: Object, told: Mapping[str, Any]) -> Iterator[Finding]:
    """What a server of a model said when it refused its files."""
    last = (told.get("lastState") or {}).get("terminated") or {}
    said = str(last.get("message") or "")
    if not said.startswith(DAMAGED):
        return
    labels = pod["metadata"].get("labels") or {}
    evidence = f"{pod['metadata']['name']}: {_quoted(said, PATH_WORDS)}"
    remedy = (
        f"pincex rollback-model {labels.get(COMPONENT)}, and remove that folder: it is fetched"
        f" anew, as it was registered, when {labels.get(VERSION)} is deployed again"
    )
    yield Finding(Case.MODEL, "damaged model file", evidence, remedy)


def _waiting(
    name: str, told: Mapping[str, Any], space: str, *, by_probe: bool
) -> Iterator[Finding]:
    waiting = (told.get("state") or {}).get("waiting") or {}
    reason, message = str(waiting.get("reason") or ""), str(waiting.get("message") or "")
    last = (told.get("lastState") or {}).get("terminated") or {}
    if reason in IMAGE:
        evidence = f"{name}: {told['image']}: {reason}: {_quoted(message)}"
        yield Finding(Case.STUCK, "image pull", evidence, f"{space} describe pod {name}")
    elif reason in CONFIG:
        evidence = f"{name}: {reason}: {_quoted(message)}"
        yield Finding(Case.STUCK, "configuration", evidence, f"{space} describe pod {name}")
    elif last and last.get("reason") != "OOMKilled":
        evidence = f"{name}: ended {told['restartCount']} times, exit code {last['exitCode']}"
        yield Finding(Case.STUCK, "crash", evidence, f"{space} logs {name} --previous")
    elif (told.get("state") or {}).get("running") and not by_probe:
        since = told["state"]["running"]["startedAt"]
        evidence = f"{name}: runs since {since} and is not ready; no probe has failed in its events"
        remedy = f"{space} logs {name}"
        yield Finding(Case.HEALTH, "slow start", evidence, remedy, certain=False)


def _unwell(each: Mapping[str, Sequence[Object]]) -> list[str]:
    """The Deployments that have not all the pods they should have, and what has lost its own."""
    found = [
        f"{component} has a Service and no Deployment" for component in each if not each[component]
    ]
    for told in (one for deployments in each.values() for one in deployments):
        wanted, has = told["spec"]["replicas"], told.get("status", {}).get("availableReplicas", 0)
        if has < wanted:
            found.append(f"{told['metadata']['name']} has {has} of {wanted} pods")
    return found


def _about(events: Sequence[Object], pod: Object) -> list[Object]:
    uid = pod["metadata"]["uid"]
    return [event for event in events if event["involvedObject"].get("uid") == uid]


def _of(deployments: Sequence[Object], scalers: Sequence[Object]) -> list[Object]:
    names = {told["metadata"]["name"] for told in deployments}
    return [s for s in scalers if s["spec"]["scaleTargetRef"]["name"] in names]


def _memory(pod: Object, container: str) -> str:
    for told in pod["spec"]["containers"]:
        if told["name"] == container:
            return str(
                ((told.get("resources") or {}).get("limits") or {}).get("memory", "of its node")
            )
    return "of its node"


def _owner(pod: Object) -> str:
    """The Deployment's name: that of the ReplicaSet without its hash."""
    owners = pod["metadata"].get("ownerReferences") or [{"name": pod["metadata"]["name"]}]
    return str(owners[0]["name"]).rpartition("-")[0]
