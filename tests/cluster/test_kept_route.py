"""Who gets the requests by the objects of a backup, where nobody asks a server."""

from typing import Any

import pytest

from cluster.kubernetes.kept_route import weights_in
from cluster.kubernetes.kinds import SERVICE
from cluster.kubernetes.split import SHARES

NOTES = {
    "two versions": ('{"v1.0.0": 90, "v1.1.0": 10}', {"v1.0.0": 90, "v1.1.0": 10}),
    "one that gets none": ('{"v1.0.0": 100, "v1.1.0": 0}', {"v1.0.0": 100}),
    "nothing": ("{}", None),
    "no JSON": ("not json", None),
    "a list": ("[1]", None),
    "a text for a share": ('{"v1.0.0": "all"}', None),
    "a share that is true": ('{"v1.0.0": true}', None),
}


def service(annotations: dict[str, str]) -> dict[str, Any]:
    """A Service that splits by pods, as a backup keeps it."""
    return {f"{SERVICE.name} shop": {"metadata": {"annotations": annotations}}}


@pytest.mark.parametrize(("noted", "shares"), NOTES.values(), ids=NOTES.keys())
def test_what_a_service_notes_is_read_or_is_not_as_we_route(
    noted: str, shares: dict[str, int] | None
) -> None:
    """A backup can be edited: what nobody of ours wrote gives requests to no version."""
    assert weights_in(service({SHARES: noted}), "shop") == shares


def test_without_a_service_nothing_routes() -> None:
    """Neither a route nor a note."""
    assert weights_in({}, "shop") is None
    assert weights_in(service({}), "shop") is None
