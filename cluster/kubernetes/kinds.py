"""The kinds of objects that the site touches, and what a request does to one, in words."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource of the API: `group` is empty for the core."""

    group: str
    version: str
    plural: str
    name: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        if not self.version:
            return ""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"


DEPLOYMENT = Kind("apps", "v1", "deployments", "Deployment")
JOB = Kind("batch", "v1", "jobs", "Job")
SERVICE = Kind("", "v1", "services", "Service")
POD = Kind("", "v1", "pods", "Pod")
POD_PROXY = Kind("", "v1", "pods/proxy", "Pod")
EVENT = Kind("", "v1", "events", "Event")
ENDPOINT_SLICE = Kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
LEASE = Kind("coordination.k8s.io", "v1", "leases", "Lease")
CONFIG_MAP = Kind("", "v1", "configmaps", "ConfigMap")
SECRET = Kind("", "v1", "secrets", "Secret")
QUOTA = Kind("", "v1", "resourcequotas", "ResourceQuota")
BUDGET = Kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
SCALER = Kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
NODE = Kind("", "v1", "nodes", "Node", namespaced=False)
NAMESPACE = Kind("", "v1", "namespaces", "Namespace", namespaced=False)
ACCESS_REVIEW = Kind(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview",
    namespaced=False,
)  # fmt: skip
# No kind of objects: what the API server says of itself, beside all groups.
SERVER_VERSION = Kind("", "", "version", "Version", namespaced=False)
GATEWAY = Kind("gateway.networking.k8s.io", "v1", "gateways", "Gateway")
HTTP_ROUTE = Kind("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: what is done (`verb` as in a Role) to which object, for messages."""

    context: str
    namespace: str
    verb: str
    kind: Kind
    object: str = ""

    @property
    def what(self) -> str:
        return f"{self.kind.name} {self.object or '(any)'}{self.where}"

    @property
    def resource(self) -> str:
        return f"{self.kind.plural}.{self.kind.group}" if self.kind.group else self.kind.plural

    @property
    def doing(self) -> str:
        return f"{self.verb} {self.resource}{self.where}"

    @property
    def where(self) -> str:
        return f" in {self.namespace}" if self.kind.namespaced else ""

    @property
    def rule(self) -> str:
        """The missing rule as a Role would hold it."""
        return (
            f'{{apiGroups: ["{self.kind.group}"], resources: ["{self.kind.plural}"],'
            f' verbs: ["{self.verb}"]}}{self.where or " in a ClusterRole"}'
        )

    @property
    def look(self) -> str:
        """The command with which a person sees the object."""
        scope = f" -n {self.namespace}" if self.kind.namespaced else ""
        return f"kubectl{scope} get {self.resource} {self.object}".rstrip()
