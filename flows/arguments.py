"""The arguments of every verb."""

from argparse import ArgumentParser
from collections.abc import Mapping

NAMING = (
    *("register-model", "deploy-model", "promote-model", "approve", "rollback-model", "labels"),
    *("model-status", "model-report", "plan"),
)
"""Verbs whose first word is a model."""
BOTH_SITES = (
    *NAMING,
    *("backup-config", "restore-config"),
    *("deploy", "rollback", "resume", "status", "history", "report"),
)
"""Verbs for the local site, and for a cluster when one of its options is given."""


def add(made: Mapping[str, ArgumentParser]) -> None:
    """To the parser of each verb what it is told."""
    _model_arguments(made)
    _service_arguments(made)
    _cluster_arguments(made)
    _evidence_arguments(made)
    _site_arguments(made)


def _model_arguments(made: Mapping[str, ArgumentParser]) -> None:
    for verb in NAMING:
        made[verb].add_argument("name", help="model name, such as price-predictor")
    made["model-report"].add_argument(
        "--days", type=int, choices=(1, 7), default=1, help="the last day (default) or week"
    )
    made["model-report"].add_argument(
        "--report", metavar="FILE.html", help="write it as one page, too"
    )
    _plan_arguments(made["plan"])
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
    deploy.add_argument(
        "--gateway",
        metavar="[NAMESPACE/]NAME",
        help="divides and copies requests in a cluster (default: the namespace's only one)",
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


def _plan_arguments(plan: ArgumentParser) -> None:
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


def _service_arguments(made: Mapping[str, ArgumentParser]) -> None:
    deploy = made["deploy"]
    deploy.add_argument("version", help="release string, such as v2.1.0")
    _describe(deploy)
    deploy.add_argument(
        "--policy", metavar="FILE", help="policy (default: $PINCEX_HOME/policy.toml)"
    )
    deploy.add_argument("--plan", action="store_true", help="say what would be done, do nothing")
    deploy.add_argument("--rate", type=float, help="requests a second, for the times of the plan")
    deploy.add_argument(
        "--retry",
        action="store_true",
        help="although it was undone before, or a release step since cannot be taken back",
    )
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


def _describe(parser: ArgumentParser) -> None:
    """Which application is meant."""
    parser.add_argument(
        "--application",
        metavar="FILE",
        help="what it consists of (default: $PINCEX_HOME/application.toml, else the sample)",
    )


def _cluster_arguments(made: Mapping[str, ArgumentParser]) -> None:
    validate = made["validate"]
    validate.add_argument("name", help="component, or with --release the application")
    validate.add_argument("--release", metavar="VERSION", help="look at what deploying it needs")
    _describe(validate)
    validate.add_argument(
        "--checklist", metavar="FILE", help="what is asked of releases (default: checklist.toml)"
    )
    made["diagnose"].add_argument("name", help="component name, such as price-predictor")
    for verb in ("validate", "diagnose", *BOTH_SITES):
        made[verb].add_argument("--namespace", help="of the cluster (default: that of the context)")
        made[verb].add_argument("--context", help="of the kubeconfig (default: the current one)")
        made[verb].add_argument(
            "--kubeconfig",
            metavar="FILE",
            help="one, or several joined by colons (default: $KUBECONFIG, then ~/.kube/config)",
        )


def _evidence_arguments(made: Mapping[str, ArgumentParser]) -> None:
    judge = made["judge"]
    judge.add_argument("pairs", metavar="PAIRS", help="Parquet or JSONL file, or folder")
    judge.add_argument("--policy", metavar="FILE", help="policy (default: the packaged one)")
    judge.add_argument("--report", metavar="FILE.html", help="write the verdict as one page, too")
    judge.add_argument(
        "--compare", action="store_true", help="when the rules of others would have decided, too"
    )
    judge.add_argument(
        "--blocks",
        action="store_true",
        help="count pairs in blocks in one pass, as is done above 10 million",
    )
    workers = judge.add_mutually_exclusive_group()
    workers.add_argument(
        "--workers", type=int, metavar="N", help="count Parquet in blocks by so many processes"
    )
    workers.add_argument(
        "--on-cluster", metavar="ADDRESS", help="the same by the workers of a Dask scheduler"
    )
    judge.add_argument(
        "--control",
        action="store_true",
        help="a champion against a copy of it: count false alarms, tell offset and drift",
    )
    made["calibrate"].add_argument(
        "pairs", metavar="PAIRS", help="pairs of a champion and a copy of it: file or folder"
    )
    made["verify"].add_argument(
        "evidence", metavar="EVIDENCE", help="folder under evidence/, or its digest"
    )


def _site_arguments(made: Mapping[str, ArgumentParser]) -> None:
    restore = made["restore-config"]
    restore.add_argument("backup", metavar="FILE", help="what backup-config wrote")
    restore.add_argument("--yes", action="store_true", help="do what would be done")
    report = made["report"]
    report.add_argument("name", help="model or application, such as price-predictor")
    report.add_argument("--rollout", metavar="ID", help="its id or the start of it (the last one)")
    report.add_argument("--report", metavar="FILE.html", help="write it as one page, too")
    made["history"].add_argument("name", nargs="?", help="model name (default: all)")
    made["status"].add_argument(
        "--watch", action="store_true", help="look again every second, until Ctrl-C"
    )
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
