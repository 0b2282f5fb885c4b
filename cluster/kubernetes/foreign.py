"""Who else changed what an object shall be, from the managers that the API server notes."""

from collections.abc import Mapping
from typing import Any

from cluster.kubernetes.api import MANAGER


def changed_by_others(
    found: Mapping[str, Any], field: str | None, but: str | None = None
) -> str | None:
    """Which fields of the spec somebody else wrote, and who; None where it is all ours.

    With a `field`, whether it is this one; any `but` one that may be changed.
    """
    told = [
        f"{manager['manager']} changed {', '.join(fields)}"
        for manager in found["metadata"].get("managedFields", ())
        if manager["manager"] != MANAGER and manager.get("subresource") != "status"
        if (fields := _fields(manager.get("fieldsV1", {}).get("f:spec"), field, but))
    ]
    return "; ".join(told) or None


def _fields(of_spec: Mapping[str, Any] | None, field: str | None, but: str | None) -> list[str]:
    """The names right below the spec, which is enough to look there."""
    names = [key.removeprefix("f:") for key in of_spec or () if key.startswith("f:")]
    return [f"spec.{name}" for name in names if field in (None, name) and name != but]
