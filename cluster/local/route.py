"""Who answers a component's requests, and who gets copies of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster.errors import Refused

# No "--": it separates component and version in the names of the proxy's clusters.
NAME = re.compile(r"(?!.*--)[A-Za-z0-9][A-Za-z0-9._+-]{0,62}")


@dataclass(frozen=True, slots=True)
class Mirror:
    """Copies of a `fraction` (0 to 1) of the requests to `version`, for the rollout named."""

    version: str
    fraction: float
    rollout_id: str


@dataclass(frozen=True, slots=True)
class Route:
    """Share of a component's traffic by version, in percent; `version_info` names what was read.

    A route to be set carries an empty `version_info`.
    """

    weights: Mapping[str, int]
    mirror: Mirror | None = None
    version_info: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Refuse weights that do not make a whole, and copies of nothing."""
        shares = self.weights.values()
        if sum(shares) != 100 or min(shares) < 0:
            raise Refused(f"weights must be at least 0 and sum to 100, not {dict(self.weights)}")
        if self.mirror is not None and not 0 < self.mirror.fraction <= 1:
            raise Refused(f"a mirror copies more than 0 and at most 1, not {self.mirror.fraction}")

    @property
    def versions(self) -> frozenset[str]:
        """The versions that this route needs alive."""
        serving = {version for version, share in self.weights.items() if share > 0}
        return frozenset(serving | ({self.mirror.version} if self.mirror else set()))


def require_name(name: str) -> str:
    """A component's, version's or rollout's name that fits into files, headers and clusters."""
    if NAME.fullmatch(name) is None:
        raise Refused(
            f"{name!r} cannot be a name: letters, digits and . _ + - (no --), at most 63, the"
            " first a letter or digit"
        )
    return name


def cluster_name(component: str, version: str) -> str:
    """The proxy's name for the instances of a version."""
    return f"{require_name(component)}--{require_name(version)}"


def copy_cluster_name(component: str, version: str) -> str:
    """The same instances as the receiver of copies, with limits of its own."""
    return f"{cluster_name(component, version)}--copy"


def to_json(route: Route) -> dict[str, object]:
    """A route as it is kept in the proxy's route file."""
    mirror = route.mirror
    copied = None
    if mirror is not None:
        copied = {
            "version": mirror.version,
            "fraction": mirror.fraction,
            "rollout_id": mirror.rollout_id,
        }
    return {"weights": dict(route.weights), "mirror": copied}


def from_json(content: object, version_info: str) -> Route:
    """The route that `to_json` gave; ValueError, TypeError or KeyError for anything else."""
    if not isinstance(content, dict) or not isinstance(content["weights"], dict):
        raise ValueError("a route is a table with weights")
    weights = {str(version): int(share) for version, share in content["weights"].items()}
    copied, mirror = content["mirror"], None
    if copied is not None:
        mirror = Mirror(
            str(copied["version"]), float(copied["fraction"]), str(copied["rollout_id"])
        )
    return Route(weights, mirror, version_info)
