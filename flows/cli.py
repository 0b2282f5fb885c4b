"""`pincex`: the runbook's verbs.

Imports nothing heavy: a verb's module is imported when the verb is called.
"""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TextIO

from flows.given import check
from flows.refusal import Exit, Refused, bad_input, from_room, room_errors

Report = dict[str, Any]
Verb = Callable[[argparse.Namespace], tuple[int, Report, str]]

VERBS = {
    "up": ("flows.local_site:up", "start the local site: Envoy, MLflow, Prefect, the keeper"),
    "down": ("flows.local_site:down", "stop everything of the local site"),
    "serve": ("flows.local_site:serve", "serve the Prefect deployments in the foreground"),
    "demo": ("flows.demo:demo", "the main job, from training to rollback, in minutes"),
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
    "validate": ("flows.validate:validate", "what would go wrong with a rollout in a cluster"),
    "diagnose": (
        "flows.diagnose:diagnose",
        "the likeliest causes of what is wrong, and what to do",
    ),
    "test-pipeline": (
        "flows.rehearsing:test_pipeline",
        "rehearse rollouts with every fault on a throw-away site",
    ),
    "verify": ("flows.verify:verify", "recompute a verdict and every digest of its evidence"),
    "history": ("flows.status:history", "who did what, why, from, to, on which evidence"),
    "resume": ("flows.command:resume", "go on with an open rollout; follow it"),
}

NAMING = (
    *("register-model", "deploy-model", "promote-model", "approve", "rollback-model", "labels"),
    *("model-status", "model-report", "plan"),
)
"""Verbs whose first word is a model."""
BOTH_SITES = (
    *("backup-config", "restore-config"),
    *("deploy", "rollback", "resume", "status", "history"),
)
"""Verbs for the local site, and for a cluster when one of its options is given."""
NOT_BUILT = {
    "report",
    *("toggle-feature", "deploy-multiregion", "region"),
    *("maintenance", "backup-database", "restore-database"),
}
"""Verbs of the runbook that are not there yet."""


class Parser(argparse.ArgumentParser):
    """Argument errors leave by the same door as every other bad input; half an option is one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise bad_input(message, f"{self.prog} --help")


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
    _model_arguments(made)
    _service_arguments(made)
    _other_arguments(made)
    return top


def _model_arguments(made: dict[str, Any]) -> None:
    for verb in NAMING:
        made[verb].add_argument("name", help="model name, such as price-predictor")
    made["model-report"].add_argument(
        "--days", type=int, choices=(1, 7), default=1, help="the last day (default) or week"
    )
    made["model-report"].add_argument(
        "--report", metavar="FILE.html", help="write it as one page, too"
    )
    plan = made["plan"]
    plan.add_argument("--rate", type=float, help="requests a second (default: as recorded)")
    plan.add_argument(
        "--disagreement",
        type=float,
        metavar="PERCENT",
        help="requests on which exactly one side is right",
    )
    plan.add_argument(
        "--label-delay", type=float, metavar="SECONDS", help="until nearly all labels are there"
    )
    plan.add_argument("--policy", metavar="FILE", help="policy (default: $PINCEX_HOME/policy.toml)")
    release = "release string, such as v2.1.0"
    made["register-model"].add_argument("version", help=release)
    made["deploy-model"].add_argument("version", nargs="?", help=release)
    made["register-model"].add_argument(
        "source", metavar="PATH|RUN_URI", help="an MLflow model directory or runs:/ID/PATH"
    )
    made["labels"].add_argument("file", metavar="FILE.jsonl", help="request_id, label, labelled_at")
    deploy = made["deploy-model"]
    deploy.add_argument("--first", action="store_true", help="there is no champion yet")
    deploy.add_argument(
        "--control",
        action="store_true",
        help="shadow a copy of the champion instead: mirror offset, drift, false alarms",
    )
    deploy.add_argument("--sample", type=float, metavar="PERCENT", help="share of requests copied")
    deploy.add_argument("--cap", type=float, metavar="RATE", help="at most so many copies a second")
    deploy.add_argument(
        "--policy", metavar="FILE", help="policy (default: $PINCEX_HOME/policy.toml)"
    )
    promote = made["promote-model"]
    promote.add_argument("version", nargs="?", help="the version to promote (default: challenger)")
    promote.add_argument("--override", metavar="REASON", help="promote without a PASS; recorded")
    approve = made["approve"]
    approve.add_argument("--refuse", action="store_true", help="say no; needs a reason")
    approve.add_argument("--reason", metavar="WHY", help="recorded with your name")
    made["rollback-model"].add_argument("--reason", default="asked for", help="recorded")
    for verb in ("deploy-model", "promote-model", "resume"):
        made[verb].add_argument(
            "--no-follow", action="store_true", help="start it and return at once"
        )
    resume = made["resume"]
    resume.add_argument("name", nargs="?", help="model name (default: every open rollout)")
    settle = resume.add_mutually_exclusive_group()
    settle.add_argument(
        "--keep-serving", action="store_true", help="set foreign aliases back to what serves"
    )
    settle.add_argument(
        "--follow-alias", action="store_true", help="promote what a foreign champion alias names"
    )


def _service_arguments(made: dict[str, Any]) -> None:
    deploy = made["deploy"]
    deploy.add_argument("version", help="release string, such as v2.1.0")
    deploy.add_argument(
        "--application",
        metavar="FILE",
        help="what it consists of (default: $PINCEX_HOME/application.toml, else the sample)",
    )
    deploy.add_argument(
        "--policy", metavar="FILE", help="policy (default: $PINCEX_HOME/policy.toml)"
    )
    deploy.add_argument("--plan", action="store_true", help="say what would be done, do nothing")
    deploy.add_argument("--rate", type=float, help="requests a second, for the times of the plan")
    deploy.add_argument("--retry", action="store_true", help="although it was undone before")
    deploy.add_argument(
        "--accept-downtime", action="store_true", help="although a component would lose requests"
    )
    deploy.add_argument(
        "--gateway",
        metavar="[NAMESPACE/]NAME",
        help="divides requests in a cluster (default: the namespace's only one); none: replicas",
    )
    deploy.add_argument(
        "--metrics", metavar="FILE", help="which Prometheus counts (default: metrics.toml)"
    )
    deploy.add_argument("--no-follow", action="store_true", help="start it and return at once")
    back = made["rollback"]
    back.add_argument("--component", metavar="NAME", help="this one alone (default: all)")
    back.add_argument("--reason", default="asked for", help="recorded")


def _other_arguments(made: dict[str, Any]) -> None:
    made["judge"].add_argument("pairs", metavar="PAIRS", help="Parquet or JSONL file, or folder")
    made["judge"].add_argument(
        "--policy", metavar="FILE", help="policy (default: the packaged one)"
    )
    made["judge"].add_argument(
        "--report", metavar="FILE.html", help="write the verdict as one page, too"
    )
    made["judge"].add_argument(
        "--compare", action="store_true", help="when the rules of others would have decided, too"
    )
    made["judge"].add_argument(
        "--blocks",
        action="store_true",
        help="count pairs in blocks in one pass, as is done above 10 million (Parquet only)",
    )
    made["judge"].add_argument(
        "--control",
        action="store_true",
        help="a champion against a copy of it: count false alarms, tell offset and drift",
    )
    made["calibrate"].add_argument(
        "pairs", metavar="PAIRS", help="pairs of a champion and a copy of it: file or folder"
    )
    for verb in ("validate", "diagnose"):
        made[verb].add_argument("name", help="component name, such as price-predictor")
    for verb in ("validate", "diagnose", *BOTH_SITES):
        made[verb].add_argument("--namespace", help="of the cluster (default: that of the context)")
        made[verb].add_argument("--context", help="of the kubeconfig (default: the current one)")
        made[verb].add_argument(
            "--kubeconfig", metavar="FILE", help="default: $KUBECONFIG, then ~/.kube/config"
        )
    restore = made["restore-config"]
    restore.add_argument("backup", metavar="FILE", help="what backup-config wrote")
    restore.add_argument("--yes", action="store_true", help="do what would be done")
    made["verify"].add_argument("evidence", metavar="EVIDENCE", help="folder under evidence/")
    made["history"].add_argument("name", nargs="?", help="model name (default: all)")
    made["up"].add_argument("--no-wait", action="store_true", help="do not wait until all answers")
    made["test-pipeline"].add_argument(
        "--fault",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="only these, such as none or envoy-killed (default: all)",
    )
    demo = made["demo"]
    demo.add_argument("--rate", type=float, default=300.0, help="requests a second of the client")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; print text, or with ``--json`` exactly one object, and return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    try:
        code, report, text = answer(given)
    except Refused as refused:
        return _refuse(refused, as_json)
    except room_errors() as error:
        return _refuse(from_room(error), as_json)
    except KeyboardInterrupt:
        stopped = Refused(
            "interrupted", hint="pincex status", code=Exit.HELD, changed="See pincex status."
        )
        return _refuse(stopped, as_json)
    _print(json.dumps(report, default=str) if as_json else text, sys.stdout)
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
    return verb(options)


def _refuse(refused: Refused, as_json: bool) -> int:
    if as_json:
        _print(json.dumps(refused.as_dict()), sys.stdout)
    else:
        _print(f"error: {refused.message}. {refused.changed}", sys.stderr)
        _print(f"hint: {refused.hint}", sys.stderr)
    return int(refused.code)


def _print(text: str, stream: TextIO) -> None:
    """What the stream cannot show is escaped; a reader that went away is no error of ours."""
    shown = text.encode(stream.encoding or "utf-8", "backslashreplace")
    try:
        if text:
            print(shown.decode(stream.encoding or "utf-8"), file=stream, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    sys.exit(main())
