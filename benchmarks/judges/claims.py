"""Every gate against what it claims, in whole records: short, seeds fixed."""

from collections.abc import Container, Iterator

import numpy as np

from analysis import Verdict
from analysis.findings import Finding
from analysis.policy import LATE
from benchmarks.judges.bounds import Claim, Rare, Said, Trial
from benchmarks.judges.trials import TRIALS

Row = dict[str, object]


def rows(scale: int = 1, gates: Container[str] | None = None) -> Iterator[Row]:
    """Every claim (of these gates) with what was seen and whether it holds; short trials first."""
    for number, trial in sorted(enumerate(TRIALS), key=lambda numbered: numbered[1].reps):
        if gates is not None and not any(claim.gate in gates for claim in trial.claims):
            continue
        judged = list(_judged(trial, scale, number))
        for claim in trial.claims:
            findings = [verdict.finding(claim.gate) for verdict, _ in judged]
            onsets = [onset for _, onset in judged]
            yield {
                "world": trial.world.name,
                "gate": claim.gate,
            } | _held(claim, findings, onsets, trial)


def failures(gates: Container[str] | None = None) -> Iterator[str]:
    """The claims that do not hold, as they are found."""
    for row in rows(gates=gates):
        if not row["holds"]:
            yield f"{row['gate']}, {row['claim']} ({row['world']}): {row['seen']}"


def _judged(trial: Trial, scale: int, number: int) -> Iterator[tuple[Verdict, int]]:
    """Each record's verdict, and how many pairs arrived before the onset."""
    for rep in range(trial.reps * scale):
        yield trial.world.judged(trial.policy, np.random.default_rng([77, number, rep]))


def _held(claim: Claim, findings: list[Finding], onsets: list[int], trial: Trial) -> Row:
    if isinstance(claim, Said):
        seen = sorted({finding.outcome.value for finding in findings})
        return _row(f"is {claim.outcome}", ", ".join(seen), seen == [claim.outcome])
    if isinstance(claim, Rare):
        crossed = sum(_stood(finding, claim.side) for finding in findings)
        # The allowance is a chance bound for the records of the short run.
        allowed = claim.most * len(findings) / trial.reps
        return _row(
            f"{claim.side} at the boundary, at most {claim.most} of {trial.reps}",
            f"{crossed} of {len(findings)}",
            crossed <= allowed,
        )
    most = trial.world.rate * (60 * trial.world.minutes - trial.world.onset)
    pairs = [_crossed(finding, claim.side) for finding in findings]
    delays = [most if p is None else p - before for p, before in zip(pairs, onsets, strict=True)]
    early = min(delays) <= 0
    ratio = float(np.mean(delays)) / claim.bound
    return _row(
        f"{claim.side} within {claim.least:g} to {claim.most:g} bounds of {claim.bound:,.0f} pairs",
        f"{ratio:.2f}",
        claim.least <= ratio <= claim.most and not early,
    )


def _row(claim: str, seen: str, holds: bool) -> Row:
    return {"claim": claim, "seen": seen, "holds": holds}


def _stood(finding: Finding, side: str) -> bool:
    """Whether a gate failed, or ever stood proven safe; a shift is told and fails nothing."""
    if side == "harm" and finding.name == "prediction-shift":
        return finding.harm is not None and finding.harm.first() is not None
    if side == "harm":
        return finding.outcome.value == "FAIL"
    return finding.safety is not None and finding.safety.first() is not None


def _crossed(finding: Finding, side: str) -> int | None:
    """The pair at which a gate first proved harm or safety; late gates say so by their look."""
    if side == "harm" and finding.name in LATE:
        failed = finding.outcome.value == "FAIL" and finding.decided_at
        return finding.decided_at.pair if failed and finding.decided_at else None
    trace = finding.harm if side == "harm" else finding.safety
    first = trace.first() if trace else None
    return None if first is None else first + 1
