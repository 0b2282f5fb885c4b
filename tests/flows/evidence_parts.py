"""Evidence as a rollout keeps it, on a site that has no processes."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.fuzz_pairs import parquet, rows
from cluster.local.home import Home
from flows import evidence
from flows.openers import open_rollout
from flows.site import Site
from rollout.policy import parse
from rollout.state import Revision, Rollout, Verb

POLICY = '[drift]\nkind = "none"\nreason = "both sides share a machine"\n'
MODEL = "price"


def kept_evidence(home: Path, digest: str = "0" * 64) -> Path:
    """A verdict on a dozen pairs, recorded in the ledger as a rollout does it; its folder."""
    from analysis import judge

    site, rollout = open_shadow(home, digest)
    pairs = home / "given.parquet"
    pairs.write_bytes(parquet(rows()))
    verdict = judge(pairs, parse(rollout.policy_text).judging)
    place = evidence.keep(site, rollout, pairs, verdict)
    evidence.record(site, rollout, verdict, place, None)
    site.ledger.append("noted", component=MODEL, region="local", actor="ann", data={"why": "é"})
    for database in (site.ledger, site.outbox):
        database.close()
    return Path(place["evidence"])


def open_shadow(home: Path, digest: str = "0" * 64) -> tuple[Site, Rollout]:
    """A new site whose ledger has an open shadow."""
    site = Site("local", Home(home))
    home.mkdir()
    site.home.create()
    (home / "live").mkdir()
    stable, candidate = Revision("v1.0.0", digest), Revision("v2.0.0", digest)
    return site, open_rollout(site, MODEL, Verb.DEPLOY, stable, candidate, POLICY, 1.0, 100.0)


def flips(path: Path, step: int = 1, begin: int = 0, end: int | None = None) -> Iterator[int]:
    """One byte after the other changed in place, its lowest bit or all of them, then put back."""
    whole = path.read_bytes()
    try:
        for at in range(begin, end or len(whole), step):
            changed = bytearray(whole)
            changed[at] ^= 0xFF if at % 2 else 1
            path.write_bytes(changed)
            yield at
    finally:
        path.write_bytes(whole)
