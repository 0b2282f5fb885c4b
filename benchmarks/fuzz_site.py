"""The site on which commands are fuzzed: one model, whose first version serves, at rest."""

import json
from datetime import UTC, datetime, timedelta

from cluster.ledger import Ledger
from cluster.local.home import Home
from rollout.policy import default_policy_text

MODEL = "price"


def fill(home: Home) -> None:
    """A site whose first version of the model was rolled out, at rest."""
    home.path.mkdir()
    home.create()
    (home.path / "live").mkdir()
    (home.path / "policy.toml").write_text(default_policy_text())
    records = home.records / MODEL / "traffic"
    records.mkdir(parents=True)
    at = datetime(2026, 1, 5, 12, tzinfo=UTC)
    labelled = (at + timedelta(seconds=3)).isoformat()
    (records / "v1.0.0-1.jsonl").write_text("".join(_answered(n, at) for n in range(300)))
    (home.records / MODEL / "labels.jsonl").write_text(
        json.dumps({"request_id": "r-1", "label": 1.0, "labelled_at": labelled}) + "\n"
    )
    ledger = Ledger(home.ledger)
    where = {"component": MODEL, "region": "local", "actor": "ann"}
    revision = {"version": "v1.0.0", "digest": "0" * 64}
    ledger.append(
        "rollout-opened",
        **where,
        data={
            "rollout": "20260105T120000-abc123",
            "verb": "deploy-model",
            "stable": None,
            "candidate": revision,
            "policy": default_policy_text(),
            "sample": 1.0,
            "cap": 1000.0,
            "override": None,
        },
    )
    served = {
        "from": None,
        "to": revision,
        "verb": "deploy-model",
        "evidence_digest": None,
        "override": None,
    }
    ledger.append("served", **where, data=served)
    closed = {"rollout": "20260105T120000-abc123", "ending": "PROMOTED", "reason": "first"}
    ledger.append("rollout-closed", **where, data=closed)
    ledger.close()


def _answered(number: int, begin: datetime) -> str:
    at = (begin + timedelta(seconds=number / 50)).timestamp()
    row = {"id": f"r-{number}", "at": at, "status": 200, "ms": 5.0 + number % 7, "open": at}
    return json.dumps({**row, "prediction": 1.0, "segment": None, "mirrored": False}) + "\n"
