"""The rules of others, to be held against ours on the same pairs; nothing here decides a rollout.

Each module is one rule as published, with its own defaults and its source. All have one shape:
evidence in order of time in, a ruling out. Pure, as `analysis` is, which alone it imports.
"""

from rivals import argo, dkw, flagger, group_sequential, kayenta, peeking, pipecd, runbook
from rivals.evidence import Evidence, evidence_of
from rivals.ruling import PROMOTE, ROLLBACK, UNDECIDED, Rival, Ruling

__all__ = [
    "PROMOTE",
    "RIVALS",
    "ROLLBACK",
    "UNDECIDED",
    "Evidence",
    "Rival",
    "Ruling",
    "evidence_of",
]

RIVALS = (
    Rival(
        "Argo Rollouts",
        "every 5 min, errors 5 %, p95 x1.5, accuracy 85 %, failureLimit 3",
        "argo-rollouts, docs/features/analysis.md",
        argo.DOCUMENTED,
    ),
    Rival(
        "Argo, strict",
        "every minute, errors 5 %, p95 x1.1, accuracy 85 %, failureLimit 0",
        "argo-rollouts, docs/features/analysis.md",
        argo.STRICT,
    ),
    Rival(
        "Flagger",
        "every minute, success 99 %, p99 500 ms, accuracy 85 %, threshold 10, 25 steps",
        "docs.flagger.app, usage/how-it-works",
        flagger.DOCUMENTED,
    ),
    Rival(
        "Flagger, relative",
        "every minute, success 99 %, p99 x1.1, accuracy 85 %, threshold 5, 50 steps",
        "docs.flagger.app, usage/metrics",
        flagger.RELATIVE,
    ),
    Rival(
        "Kayenta",
        "every 10 min, growing window, points by the minute, pass 95, marginal 75",
        "spinnaker/kayenta, NetflixACAJudge-v1.0",
        kayenta.DEFAULT,
    ),
    Rival(
        "PipeCD",
        "every 10 min, points by the minute, deviation HIGH, failureLimit 0",
        "pipe-cd/pipecd, metrics_analyzer.go",
        pipecd.DEFAULT,
    ),
    Rival(
        "runbook's rules",
        "errors 5 % for 2 min, p95 x1.5 for 5 min, accuracy 85 % of a minute",
        "the deployment runbook",
        runbook.AS_WRITTEN,
    ),
    Rival(
        "z test, peeking",
        "errors and accuracy, p < .05 after every pair",
        "arXiv 1512.04922",
        peeking.shares,
    ),
    Rival(
        "McNemar, peeking",
        "errors and accuracy, p < .05 after every pair",
        "arXiv 1512.04922",
        peeking.mcnemar,
    ),
    Rival(
        "Mann-Whitney, peeking",
        "latency, p < .05 every 100 pairs",
        "Netflix, Sequential A/B testing, part 1",
        peeking.mann_whitney,
    ),
    Rival(
        "group-sequential",
        "5 planned looks, O'Brien-Fleming spending, .05 over errors, latency, accuracy",
        "Lan and DeMets, Biometrika 1983",
        group_sequential.judge,
    ),
    Rival(
        "DKW bands",
        "latency, two-sided bands at all times, .05, every 100 pairs",
        "arXiv 1906.09712, 2205.14762",
        dkw.judge,
    ),
)
