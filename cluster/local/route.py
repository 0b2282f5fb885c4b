"""The proxy's names for a version's instances, and a route as its file keeps it."""

from cluster.route import Mirror, Route, require_name


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
