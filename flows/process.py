"""The flow process: one verb, recorded in Prefect where its server answers within a second.

``python -m flows.process VERB SITE ARGUMENT...``; started by a command, by the keeper or by the
site's Prefect deployments, and outlives whoever started it. Its outcome is a file, so that a
follower that comes late still reads it.
"""

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from cluster.files import write_whole
from cluster.local.home import Home
from flows import zombies
from flows.asked import prefect_answers
from flows.dispatch import dispatch
from flows.prefect_api import PrefectLost
from flows.progress_file import live_folder
from flows.recorder import Unrecorded
from flows.refusal import Exit, Refused, from_room, room_errors
from flows.site import Site, site

OUTCOME = "PINCEX_OUTCOME"


def main(arguments: list[str]) -> int:
    """Run the verb and leave its outcome in the file that $PINCEX_OUTCOME names."""
    verb, site_name, *rest = arguments
    here = _named(site_name)
    os.environ.update(here.flow_environment())
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
    """In Prefect where it answers, else the same without its record; so also a rollback."""
    if not here.keeps_runs or _undoing(here, verb, rest):
        return dispatch(here, verb, rest, Unrecorded())
    if prefect_answers(here):
        if verb == "resume":
            _bury_aside(here, rest[0] if rest else None)
        from flows.recorded import run_recorded

        return run_recorded(here.name, verb, rest)
    print("Prefect does not answer: this rollout is not recorded there", file=sys.stderr)  # noqa: T201
    return dispatch(here, verb, rest, Unrecorded())


def _bury_aside(here: Site, name: str | None) -> None:
    """The runs of dead processes are marked beside the rollout, which waits for none of it."""

    def bury() -> None:
        try:
            zombies.bury(here, heir=name)
        except PrefectLost as error:
            print(f"dead flow runs are marked later: {error}", file=sys.stderr)  # noqa: T201

    threading.Thread(target=bury, daemon=True).start()


def _named(site_name: str) -> Site:
    if site_name != "cluster":
        return site(site_name)
    from flows.cluster_site import kept_site

    # The folder of its namespace, below that of whoever started it.
    return kept_site(Home(Path(os.environ["PINCEX_HOME"])))


def _undoing(here: Site, verb: str, rest: list[str]) -> bool:
    """Whether a rollback is gone on with: traffic must not wait for the import of Prefect.

    Nor may services that lost their process: a candidate may have requests and nobody looks.
    """
    opened = here.history(rest[0]).open if verb == "resume" and rest else None
    return opened is not None and (opened.verb.undoes or opened.verb.of_release)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
