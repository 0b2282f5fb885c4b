"""`verify`: recompute a verdict and every digest from what was kept, without any server."""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cluster.errors import ClusterError
from flows import evidence
from flows.refusal import Exit, Refused, bad_input
from flows.site import Site, site

Answer = tuple[int, dict[str, Any], str]

DIGEST = re.compile("[0-9a-f]{8,64}")
IN_NAMES = 12
"""Digits of its digest that end the name of a folder of evidence."""


def verify(options: argparse.Namespace) -> Answer:
    """Exit 0 where everything agrees; 1 naming each thing that does not."""
    here = site(options.site)
    place = _place(here, options.evidence)
    wrong = list(evidence.differences(place, None))
    ledger = "no ledger here"
    if here.home.ledger.exists():
        # Before anything is taken from the evidence: what was changed need not even be readable.
        wrong += [*_chain(here)]
        wrong += [] if wrong else _recorded(here, place)
        wrong += [] if wrong else _models(here, place)
        ledger = "ledger chain intact, verdict recorded in it"
    same, other = (True, []) if wrong else _rejudged(place)
    wrong += other
    if wrong:
        raise Refused(
            f"evidence {place} does not hold: {'; '.join(wrong)}",
            hint="do not rely on it: deploy-model again for new evidence",
        )
    binding = json.loads((place / evidence.BINDING).read_bytes())
    digest = evidence.digest_of(place / evidence.BINDING)
    report = {
        "evidence": str(place),
        "digest": digest,
        "verified": True,
        "same_bytes": same,
        **binding,
    }
    files = ", ".join(binding["files"])
    how = "byte for byte the same"
    if not same:
        how = "by other code than it was made with: every outcome is the same"
    text = f"verified: {files}; verdict recomputed, {how}\n{ledger}\n{digest}"
    return Exit.DONE, report, text


def _place(here: Site, given: str) -> Path:
    """A folder or a file in it, as a path or by its name on this site; or the start of a digest."""
    path, kept = Path(given), here.home.evidence
    places = [
        path if path.is_dir() else path.parent,
        *([kept / path] if path.name == given else []),
    ]
    if DIGEST.fullmatch(given):
        places += sorted(kept.glob(f"*-{given[:IN_NAMES]}*"))
    for place in places:
        if (place / evidence.BINDING).is_file():
            return place.resolve()
    raise bad_input(
        f"{given} is no evidence: {evidence.BINDING} is not there",
        "name a folder under evidence/, or the digest that pincex history prints",
    )


def _rejudged(place: Path) -> tuple[bool, list[str]]:
    """Whether judging again gives the same bytes, and what is wrong where it does not.

    Code that was changed since may print and ask more; then the outcomes must be the same. A first
    version has no pairs to judge.
    """
    if not (place / evidence.PAIRS).is_file():
        return True, []
    from analysis import BadInput, judge, parse_policy

    policy = parse_policy((place / evidence.POLICY).read_text(encoding="utf-8"))
    try:
        verdict = judge(place / evidence.PAIRS, policy)
    except BadInput as error:
        # What was kept is nobody's input: other code took it once, or somebody changed it since.
        return False, [f"judged again it is refused: {error.message}"]
    kept = (place / evidence.VERDICT_FILE).read_text(encoding="utf-8")
    if verdict.to_json() + "\n" == kept:
        return True, []
    made_with = json.loads((place / evidence.BINDING).read_bytes()).get("code_digest", None)
    if made_with == evidence.code_digest():
        name = evidence.VERDICT_FILE
        return False, [f"judging again gives {verdict.verdict}, not the bytes of {name}"]
    return False, list(_changed(json.loads(kept), verdict.as_dict()))


def _changed(kept: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    """The outcomes that other code gives differently: of the verdict, and of each gate it had."""
    if (kept["verdict"], kept["decision"]) != (found["verdict"], found["decision"]):
        yield f"judged again by other code it is {found['verdict']}, kept was {kept['verdict']}"
    again = {(gate["name"], gate["segment"]): gate["outcome"] for gate in found["gates"]}
    for gate in kept["gates"]:
        outcome = again.get((gate["name"], gate["segment"]), "not asked any more")
        if outcome != gate["outcome"]:
            yield f"{gate['name']} is {outcome} by other code, kept was {gate['outcome']}"


def _models(here: Site, place: Path) -> Iterator[str]:
    """The site's copies of both revisions still are the files that were registered."""
    from models import manifest
    from models.errors import Damaged

    binding = json.loads((place / evidence.BINDING).read_bytes())
    for revision in filter(None, (binding["baseline"], binding["candidate"])):
        directory = here.home.models / binding["component"] / revision["version"]
        if not directory.is_dir():
            continue
        try:
            manifest.verify_digest(directory, revision["digest"])
        except Damaged as error:
            yield f"{revision['version']}: {error}"


def _chain(here: Site) -> Iterator[str]:
    """Every row of the ledger still is what was written."""
    try:
        here.ledger.verify()
    except ClusterError as error:
        yield str(error)


def _recorded(here: Site, place: Path) -> Iterator[str]:
    """The ledger still has the row this evidence was made after, and the verdict itself."""
    rows = here.ledger.rows()
    binding = json.loads((place / evidence.BINDING).read_bytes())
    before = binding["ledger"]
    known = {row.seq: row.hash for row in rows}
    if before is not None and known.get(before["seq"]) != before["hash"]:
        yield f"the ledger lost its tail: row {before['seq']} is not the one of this evidence"
    digest = evidence.digest_of(place / evidence.BINDING)
    if digest not in {row.data.get("evidence_digest") for row in rows}:
        yield "the ledger has no verdict with this digest"
