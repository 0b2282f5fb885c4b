"""The flow process: one verb, recorded in Prefect where its server answers within a second.

``python -m flows.process VERB SITE ARGUMENT...``; started by a command, by the keeper or by the
site's Prefect deployments, and outlives whoever started it. Its outcome is a file, so that a
follower that comes late still reads it.
"""

import json
import os
import sys
import urllib.request
from typing import Any

from cluster.files import write_whole
from flows.loop import Recorder, Unrecorded
from flows.openers import Request
from flows.prefect_env import client_env
from flows.progress_file import live_folder
from flows.refusal import Exit, Refused, from_room, room_errors
from flows.site import Site, site

PREFECT_PATIENCE = 1.0
OUTCOME = "PINCEX_OUTCOME"


def main(arguments: list[str]) -> int:
    """Run the verb and leave its outcome in the file that $PINCEX_OUTCOME names."""
    verb, site_name, *rest = arguments
    here = site(site_name)
    os.environ.update(client_env(here))
    try:
        code, report = run_verb(here, verb, rest)
    except Refused as refused:
        code, report = refused.code, refused.as_dict()
    except room_errors() as error:
        mapped = from_room(error)
        code, report = mapped.code, mapped.as_dict()
    outcome = os.environ.get(OUTCOME)
    if outcome:
        path = live_folder(here) / outcome
        write_whole(path, json.dumps({"exit": int(code), **report}), stage=here.home.stage)
    print(json.dumps({"exit": int(code), **report}), file=sys.stderr)  # noqa: T201
    return int(code)


def run_verb(here: Site, verb: str, rest: list[str]) -> tuple[Exit, dict[str, Any]]:
    """In Prefect where it answers, else the same without its record."""
    if answers(here):
        from flows import deployments

        return deployments.run_recorded(here.name, verb, rest)
    print("Prefect does not answer: this rollout is not recorded there", file=sys.stderr)  # noqa: T201
    return dispatch(here, verb, rest, Unrecorded())


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
    from flows.resume import resume

    return resume(here, rest[0] if rest else None, recorder)


def answers(here: Site) -> bool:
    """Whether the site's Prefect server is healthy, asked for a second at most."""
    url = f"{here.prefect_url}/api/health"
    try:
        with urllib.request.urlopen(url, timeout=PREFECT_PATIENCE) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
