"""From the verb of a flow process to its code, recorded or not."""

import json
from typing import Any

from flows.openers import Request
from flows.recorder import Recorder
from flows.refusal import Exit
from flows.site import Site


def dispatch(
    here: Site, verb: str, rest: list[str], recorder: Recorder
) -> tuple[Exit, dict[str, Any]]:
    """The verb's own code."""
    if verb == "deploy-model":
        from flows.deploy import deploy_model

        return deploy_model(here, Request(**json.loads(rest[0])), recorder)
    if verb == "promote-model":
        from flows.promote import promote_model

        name, version, override = json.loads(rest[0])
        return promote_model(here, name, version, override, recorder)
    if verb == "deploy":
        from flows.release import deploy
        from flows.release_openers import ReleaseRequest

        return deploy(here, ReleaseRequest(**json.loads(rest[0])), recorder)
    from flows.resume import resume

    return resume(here, rest[0] if rest else None, recorder)
