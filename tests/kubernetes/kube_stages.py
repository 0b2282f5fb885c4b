"""How fake nodes and pods behave: a pod's label `fate`, or its image's tag, picks its fate.

The status fields are those that a kubelet writes for a real container with the same fate.
"""

import yaml
from kube_build import KUBERNETES

FATE = "pincex.test/fate"
READY_AFTER = "pincex.test/ready-after"
NODE = "pincex.test/fake"
OF_JOB = '.metadata.labels["batch.kubernetes.io/job-name"]'
ALIVE = [
    {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"},
    {"key": OF_JOB, "operator": "DoesNotExist"},
]
WAITING = {
    "image-missing": ("ImagePullBackOff", 'Back-off pulling image "{image}": not found'),
    "no-config": ("CreateContainerConfigError", 'secret "db-credentials" not found'),
}
REFUSED = "damaged model files: model.pkl in /models/price/v2.0.0 differs from what was registered"
CRASHES = {
    "crashloop": (3, "Error", ""),
    "oom": (137, "OOMKilled", ""),
    "damaged": (2, "Error", f"message: {REFUSED!r},"),
}

NODE_STATUS = """
{{ $now := Now }}
nodeInfo: {kubeletVersion: %(kubelet)s}
conditions:
- {type: Ready, status: "True", reason: KubeletReady, lastHeartbeatTime: {{ $now | Quote }},
   lastTransitionTime: {{ $now | Quote }}}
addresses:
- {type: InternalIP, address: {{ NodeIP | Quote }}}
allocatable: {cpu: "64", memory: 256Gi, ephemeral-storage: 100Gi, pods: "500"}
capacity: {cpu: "64", memory: 256Gi, ephemeral-storage: 100Gi, pods: "500"}
"""
CONDITIONS = """
{{ $now := Now }}
conditions:
- {type: Initialized, status: "True", lastTransitionTime: {{ $now | Quote }}}
- {type: Ready, status: "%(ready)s", reason: %(reason)s, lastTransitionTime: {{ $now | Quote }}}
- {type: ContainersReady, status: "%(ready)s", reason: %(reason)s,
   lastTransitionTime: {{ $now | Quote }}}
phase: %(phase)s
startTime: {{ $now | Quote }}
hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
podIP: {{ PodIPWith .spec.nodeName false (or .metadata.uid "") (or .metadata.name "")
  (or .metadata.namespace "") | Quote }}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
"""
RUNNING = """
  ready: %(ready)s
  started: true
  restartCount: 0
  state: {running: {startedAt: {{ $now | Quote }}}}
{{ end }}
"""
HELD = """
  ready: false
  started: false
  restartCount: 0
  state: {waiting: {reason: %(why)s, message: %(message)s}}
{{ end }}
"""
# One container per pod here, so the count of the first one goes on.
CRASHED = """
  ready: false
  started: false
  restartCount: {{ $restarts }}
  state:
    waiting: {reason: CrashLoopBackOff, message: back-off restarting failed container}
  lastState:
    terminated: {exitCode: %(code)d, reason: %(why)s, %(said)s startedAt: {{ $now | Quote }},
      finishedAt: {{ $now | Quote }}}
{{ end }}
"""
ENDED = """
  ready: false
  started: false
  restartCount: 0
  state:
    terminated: {exitCode: %(code)d, reason: %(why)s, message: %(said)s,
      startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}
{{ end }}
"""
COUNT = """
{{ $restarts := 1 }}
{{ with .status.containerStatuses }}{{ $restarts = add 1 (index . 0).restartCount }}{{ end }}
"""


def stages() -> str:
    """The stages as kwok's configuration: nodes that are ready, pods with their fates."""
    ready_node = NODE_STATUS % {"kubelet": KUBERNETES}
    made = [_stage("node-ready", "Node", [_condition("NotIn")], ready_node)]
    begun = CONDITIONS % {"ready": "False", "reason": "ContainersNotReady", "phase": "Running"}
    ready = CONDITIONS % {"ready": "True", "reason": '""', "phase": "Running"}
    pending = CONDITIONS % {"ready": "False", "reason": "ContainersNotReady", "phase": "Pending"}
    fresh = {"key": ".status.podIP", "operator": "DoesNotExist"}
    ordinary = _fate("NotIn", *WAITING, *CRASHES)
    made.append(
        _stage(
            "pod-started", "Pod", [*ALIVE, fresh, ordinary], begun + RUNNING % {"ready": "false"}
        )
    )
    started = {"key": ".status.podIP", "operator": "Exists"}
    well = _fate("NotIn", "never-ready", *WAITING, *CRASHES)
    becoming = _stage(
        "pod-ready",
        "Pod",
        [*ALIVE, started, well, _condition("NotIn")],
        ready + RUNNING % {"ready": "true"},
    )
    becoming["spec"]["delay"] = {
        "durationMilliseconds": 300,
        "durationFrom": {"expressionFrom": f'.metadata.annotations["{READY_AFTER}"]'},
    }
    made.append(becoming)
    for fate, (why, message) in WAITING.items():
        said = repr(message.replace("{image}", "{{ .image }}"))
        text = pending + HELD % {"why": why, "message": said}
        made.append(_stage(f"pod-{fate}", "Pod", [*ALIVE, fresh, _fate("In", fate)], text))
    for fate, (code, why, said) in CRASHES.items():
        text = COUNT + begun + CRASHED % {"code": code, "why": why, "said": said}
        crash = _stage(f"pod-{fate}", "Pod", [*ALIVE, _fate("In", fate)], text)
        # It matches what it makes: a container that dies again and again.
        crash["spec"]["delay"] = {"durationMilliseconds": 1000}
        made.append(crash)
    for phase, code, operator in (("Succeeded", 0, "NotIn"), ("Failed", 1, "In")):
        text = CONDITIONS % {"ready": "False", "reason": "PodCompleted", "phase": phase}
        told = {"code": code, "why": "Error" if code else "Completed", "said": "the last line"}
        begun_by = {"key": ".spec.containers[0].command[0]", "operator": operator}
        job = {"key": OF_JOB, "operator": "Exists"}
        matching = [ALIVE[0], job, fresh, {**begun_by, "values": ["fail"]}]
        made.append(_stage(f"pod-{phase.lower()}", "Pod", matching, text + ENDED % told))
    gone = {"key": ".metadata.deletionTimestamp", "operator": "Exists"}
    made.append(_stage("pod-deleted", "Pod", [gone], None))
    return yaml.safe_dump_all(made)


def node(name: str) -> dict[str, object]:
    """A Node object that kwok takes care of."""
    labels = {NODE: "true", "kubernetes.io/hostname": name}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}


def _stage(
    name: str, kind: str, matching: list[dict[str, object]], status: str | None
) -> dict[str, dict[str, object]]:
    then = {"delete": True} if status is None else {"statusTemplate": status}
    made: dict[str, object] = {
        "resourceRef": {"apiGroup": "v1", "kind": kind},
        "selector": {"matchExpressions": matching},
        "next": then,
    }
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",  # type: ignore[dict-item]
        "kind": "Stage",  # type: ignore[dict-item]
        "metadata": {"name": name},
        "spec": made,
    }


def _condition(operator: str) -> dict[str, object]:
    key = '.status.conditions.[] | select( .type == "Ready" ) | .status'
    return {"key": key, "operator": operator, "values": ["True"]}


def _fate(operator: str, *fates: str) -> dict[str, object]:
    """By the label, else by the tag of the image, which an application can say."""
    tag = '(.spec.containers[0].image | split(":") | .[-1])'
    key = f'.metadata.labels["{FATE}"] // {tag}'
    return {"key": key, "operator": operator, "values": list(fates)}
