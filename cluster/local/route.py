"""The proxy's names for a version's instances, and a route as its file keeps it."""

from cluster.route import PREDICTIONS, Calls, Mirror, Route, require_name


def cluster_name(component: str, version: str) -> str:
    """The proxy's name for the instances of a version."""
    return f"{require_name(component)}--{require_name(version)}"


def copy_cluster_name(component: str, version: str) -> str:
    """The same instances as the receiver of copies, with limits of its own."""
    return f"{cluster_name(component, version)}--copy"


def to_json(route: Route) -> dict[str, object]:
    """A route as it is kept in the proxy's route file; a model's says nothing of its calls."""
    mirror = route.mirror
    copied = None
    if mirror is not None:
        copied = {
            "version": mirror.version,
            "fraction": mirror.fraction,
            "rollout_id": mirror.rollout_id,
        }
    told: dict[str, object] = {"weights": dict(route.weights), "mirror": copied}
    if route.calls != PREDICTIONS:
        calls = route.calls
        told["calls"] = {
            "paths": list(calls.paths),
            "idempotent": calls.idempotent,
            "mirrorable": calls.mirrorable,
            "single": calls.single,
        }
    if route.observed is not None:
        told["observed"] = route.observed
    return told


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
    calls = _calls(content["calls"]) if "calls" in content else PREDICTIONS
    observed = str(content["observed"]) if "observed" in content else None
    return Route(weights, mirror, version_info, calls, observed)


def _calls(told: object) -> Calls:
    if not isinstance(told, dict) or not isinstance(told["paths"], list):
        raise ValueError("calls are a table with paths")
    flags = [told[name] for name in ("idempotent", "mirrorable", "single")]
    if not all(isinstance(flag, bool) for flag in flags):
        raise ValueError(f"calls are true or false, not {flags}")
    return Calls(tuple(str(path) for path in told["paths"]), *flags)
