"""`pincex`: the runbook's verbs.

Imports nothing heavy: a verb's module is imported when the verb is called.
"""

import argparse
import importlib
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from flows import arguments
from flows.given import check, where
from flows.output import GONE, open_closed, say
from flows.refusal import Exit, Refused, bad_input, from_room, room_errors

Report = dict[str, Any]
Verb = Callable[[argparse.Namespace], tuple[int, Report, str]]

VERBS = {
    "up": ("flows.local_site:up", "start the local site: Envoy, MLflow, Prefect, the keeper"),
    "down": ("flows.local_site:down", "stop everything of the local site"),
    "serve": ("flows.local_site:serve", "serve the Prefect deployments in the foreground"),
    "demo": ("flows.demo_command:demo", "the main job, from training to rollback, in minutes"),
    "register-model": ("flows.register:register_model", "register a version and its manifest"),
    "labels": ("flows.register:labels", "add labels by request id from a JSON lines file"),
    "deploy-model": ("flows.command:deploy_model", "shadow a version and judge it"),
    "promote-model": ("flows.command:promote_model", "give all traffic to a proven version"),
    "approve": ("flows.approve:approve", "approve or refuse a promotion that waits for it"),
    "rollback-model": ("flows.rollback:rollback_model", "return to the previous version, at once"),
    "model-status": ("flows.status:model_status", "versions, aliases and the open rollout"),
    "status": ("flows.status:status", "what serves, what is open, what runs"),
    "deploy": ("flows.release_command:deploy", "roll the services of an application out"),
    "rollback": ("flows.release_command:rollback", "return the services to what served before"),
    "judge": ("flows.judging:judge", "judge a table of pairs"),
    "calibrate": ("flows.calibrating:calibrate", "learn how hosts drift, from an A/A shadow"),
    "plan": ("flows.plan:plan", "how long a shadow of the next version will take"),
    "model-report": ("flows.model_report:model_report", "how a model did over a day or a week"),
    "backup-config": ("flows.backup:backup_config", "keep what the site is told, in one file"),
    "restore-config": (
        "flows.backup:restore_config",
        "show what differs from a backup, or undo it",
    ),
    "validate": ("flows.validate:validate", "what would go wrong with a rollout"),
    "diagnose": (
        "flows.diagnose:diagnose",
        "the likeliest causes of what is wrong, and what to do",
    ),
    "test-pipeline": (
        "flows.rehearsing:test_pipeline",
        "rehearse rollouts with every fault on a throw-away site",
    ),
    "verify": ("flows.verify:verify", "recompute a verdict and every digest of its evidence"),
    "report": ("flows.rollout_report:report", "what a rollout did, step by step, and came to"),
    "history": ("flows.status:history", "who did what, why, from, to, on which evidence"),
    "resume": ("flows.command:resume", "go on with an open rollout; follow it"),
}

NOT_BUILT = {
    *("toggle-feature", "deploy-multiregion", "region"),
    *("maintenance", "backup-database", "restore-database"),
}
"""Verbs of the runbook that are not there yet."""

WRONG_WORD = re.compile(r"unrecognized arguments: ([^\s=]+)|invalid choice: '([^']*)'")


class Parser(argparse.ArgumentParser):
    """Argument errors leave by the same door as every other bad input; half an option is one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        meant = self._meant(message)
        raise bad_input(message, f"{meant}{self.prog} --help")

    def _meant(self, message: str) -> str:
        """The verb or option that looks most like one that is none, as the begin of a hint."""
        wrong = WRONG_WORD.search(message)
        if wrong is None:
            return ""
        word = wrong[1] or wrong[2]
        # One of another verb's is spelt well.
        near = [one for one in get_close_matches(word, self._words(), n=1) if one != word]
        return f"did you mean {near[0]}? All: " if near else ""

    def _words(self) -> list[str]:
        """Every option and verb of this parser and of those of its verbs."""
        found = [option for action in self._actions for option in action.option_strings]
        for action in self._actions:
            if isinstance(action.choices, dict):
                verbs = [verb for verb in action.choices.values() if isinstance(verb, Parser)]
                found += [*action.choices, *(word for verb in verbs for word in verb._words())]
        return found


def parser() -> Parser:
    """Every verb with its arguments."""
    shared = Parser(add_help=False)
    shared.add_argument("--site", default=argparse.SUPPRESS, help="site to act on (local)")
    shared.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print exactly one JSON object on stdout, errors too",
    )
    top = Parser(
        prog="pincex",
        description="Rollouts that are judged: deploy, watch, promote, roll back, report.",
        epilog="Exit codes: 0 done or PASS, 1 failed or conflict, 2 bad input, 3 FAIL, "
        "4 INCONCLUSIVE or held.",
        parents=[shared],
    )
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)
    made = {
        name: verbs.add_parser(name, help=text, description=text, parents=[shared])
        for name, (_, text) in VERBS.items()
    }
    arguments.add(made)
    return top


def main(words: Sequence[str] | None = None) -> int:
    """Run one verb; print text, or with ``--json`` exactly one object, and return the exit code."""
    given = list(sys.argv[1:] if words is None else words)
    as_json = "--json" in given
    open_closed()
    try:
        code, report, text = answer(given)
    except Refused as refused:
        return _refuse(refused, as_json)
    except room_errors() as error:
        return _refuse(from_room(error), as_json)
    except KeyboardInterrupt:
        return interrupted(given)
    except Exception as defect:
        if as_json:
            told = Refused(f"a defect: {type(defect).__name__}: {defect}", hint="the traceback")
            _refuse(told, as_json)
        raise
    _answer(json.dumps(report, default=str) if as_json else text)
    return code


def answer(given: Sequence[str]) -> tuple[int, Report, str]:
    """Run one verb: its exit code, its report and its text; errors are raised."""
    if given and given[0] in NOT_BUILT:
        raise bad_input(
            f"pincex {given[0]} is not built yet", "RUNBOOK.md, Not built yet: what to do till then"
        )
    options = parser().parse_args(given)
    options.json = "--json" in given
    options.site = getattr(options, "site", os.environ.get("PINCEX_SITE", "local"))
    check(options)
    module, name = VERBS[options.verb][0].split(":")
    verb: Verb = getattr(importlib.import_module(module), name)
    try:
        return verb(options)
    except Refused as refused:
        raise refused.at(where(options)) from refused.__cause__
    except room_errors() as error:
        raise from_room(error).at(where(options)) from error


def interrupted(given: Sequence[str]) -> int:
    """Say so, and that what was begun is held."""
    stopped = Refused(
        "interrupted", hint="pincex status", code=Exit.HELD, changed="See pincex status."
    )
    return _refuse(stopped, "--json" in given)


def _refuse(refused: Refused, as_json: bool) -> int:
    if as_json:
        _answer(json.dumps(refused.as_dict()))
    else:
        say(f"error: {refused.message}. {refused.changed}", sys.stderr)
        say(f"hint: {refused.hint}", sys.stderr)
    return int(refused.code)


def _answer(text: str) -> None:
    """On stdout; where that cannot be, the exit code still tells what was done.

    A reader that went away is no error of ours.
    """
    why = say(text, sys.stdout)
    if why not in (None, GONE):
        say(f"the answer cannot be written to stdout: {why}", sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
