"""What the fuzzing once brought down, by name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_parts import Cli
from evidence_parts import MODEL, open_shadow

from benchmarks.fuzz_files import LABEL, SITE, put
from benchmarks.fuzz_pairs import GOOD_JSONL, META, jsonl, rows

LONG = "n" * 5_000
DEPLOY = ("deploy-model", MODEL, "v2.0.0")
JUDGE = ("judge", "pairs.jsonl")

REFUSED_WORDS = {
    "labels climb out of their folder": (("labels", "..", "labels.jsonl"), "no model name"),
    "labels go anywhere": (("labels", "/tmp", "labels.jsonl"), "no model name"),
    "a name in another script": (("model-status", "é"), "no model name"),
    "a name of no bytes of UTF-8": (("history", "\udcff"), r"'\\udcff' is not UTF-8"),
    "a reason of no bytes of UTF-8": (
        ("rollback-model", MODEL, "--reason", "\udcff"),
        "is not UTF-8",
    ),
    "a version that is an alias": (("deploy-model", MODEL, "latest"), "is no release"),
    "half an option": (("promote-model", MODEL, "--over", "x"), "unrecognized arguments"),
    "the end of options for a value": ((*DEPLOY, "--cap=--"), "-- stands where a value"),
    "a path longer than paths are": (("judge", LONG), "File name too long"),
    "a policy longer than paths are": ((*JUDGE, "--policy", LONG), "File name too long"),
    "an empty policy": ((*DEPLOY, "--policy="), "policy is empty"),
    "pairs of a variable that is not set": (("judge", ""), "pairs is empty"),
    "an empty report": ((*JUDGE, "--report", ""), "report is empty"),
    "an empty backup": (("restore-config", ""), "backup is empty"),
    "empty evidence": (("verify", ""), "evidence is empty"),
    "an empty model": (("register-model", MODEL, "v2.0.0", ""), "source is empty"),
    "a report over the pairs": ((*JUDGE, "--report", "pairs.jsonl"), "would overwrite"),
    "a report over the policy": (
        (*JUDGE, "--policy", "policy.toml", "--report", "./policy.toml"),
        "would overwrite",
    ),
    "a judge of an unknown site": ((*JUDGE, "--site", "moon"), "there is no site 'moon'"),
    "a demo without a rate": (("demo", "--rate", "nan"), "--rate nan is no rate"),
    "a folder that is no model": (("register-model", MODEL, "v2.0.0", "."), "has no MLmodel"),
    "a verb of the runbook that is not there yet": (("toggle-feature", "fast"), "is not built yet"),
    "a policy of which a word is wrong": (
        (*JUDGE, "--policy", "wrong.toml"),
        "wrong.toml: ",
    ),
    "a model on the web": (
        ("register-model", MODEL, "v2.0.0", "http://ann:pw@site.invalid/m"),
        "there is no directory",
    ),
}


@pytest.mark.parametrize(("words", "said"), REFUSED_WORDS.values(), ids=REFUSED_WORDS.keys())
def test_words_no_verb_can_use(cli: Cli, words: tuple[str, ...], said: str) -> None:
    """Exit code 2, a reason, no site, and every file as it was."""
    Path("pairs.jsonl").write_bytes(GOOD_JSONL)
    Path("policy.toml").write_text("")
    Path("wrong.toml").write_text("[gates.p96-limit]\nmargin = 0.1\n")
    ran = cli(*words, "--json")

    assert ran.code == 2
    assert said in ran.report["error"]
    assert not cli.home.exists()
    assert Path("pairs.jsonl").read_bytes() == GOOD_JSONL
    assert Path("policy.toml").read_text() == ""


def test_no_message_repeats_the_password_of_a_url(cli: Cli) -> None:
    """Neither in the error nor in the hint."""
    ran = cli("judge", "http://ann:pa55@word@site.invalid/pairs", "--json")

    assert ran.code == 2
    assert "site.invalid" in ran.report["error"]
    assert "pa55" not in ran.out
    assert "word@" not in ran.out


BAD_POLICIES = {
    "deeper than Python reads": f"x = {'[' * 3_000}{']' * 3_000}",
    "more digits than Python reads": f"[budgets]\nmin_pairs = {'9' * 9_000}",
    "more than anybody counts": f"[budgets]\nmin_pairs = {10**400}",
    "more servers than ports": f"[rollout]\nreplicas = {10**12}",
    "longer than there are dates": "[rollout.shadow]\nevidence_max_age = 1e300",
}


@pytest.mark.parametrize("text", BAD_POLICIES.values(), ids=BAD_POLICIES.keys())
def test_a_policy_beyond_all_measure(cli: Cli, text: str) -> None:
    """Named as a policy that cannot be, not as a failure of the program."""
    Path("pairs.jsonl").write_bytes(GOOD_JSONL)
    Path("bad.toml").write_text(text)
    ran = cli(*JUDGE, "--policy", "bad.toml", "--json")

    assert ran.code == 2
    assert ran.report["hint"]


BAD_PAIRS = {
    "deeper than Python reads": b'{"request_id":' * 3_000,
    "more digits than Python reads": jsonl({**META, "requests": "9" * 9_000}, rows()),
    "more than anybody counts": jsonl({**META, "orphans": 10**30}, rows()),
    "a region that is a list": jsonl({**META, "region": ["eu"]}, rows()),
    "a revision that is half a letter": jsonl({**META, "baseline_revision": "\ud800"}, rows()),
}


@pytest.mark.parametrize("content", BAD_PAIRS.values(), ids=BAD_PAIRS.keys())
def test_pairs_beyond_all_measure(cli: Cli, content: bytes) -> None:
    """Refused where they are read."""
    Path("pairs.jsonl").write_bytes(content)
    ran = cli(*JUDGE, "--json")

    assert ran.code == 2
    assert ran.report["hint"]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_label_before_or_after_all_time(cli: Cli, at: str) -> None:
    """A time that is in no year in UTC is no time."""
    open_shadow(cli.home)
    (cli.home / "records" / MODEL).mkdir()
    Path("labels.jsonl").write_text(json.dumps({**LABEL, "labelled_at": at}))
    ran = cli("labels", MODEL, "labels.jsonl", "--json")

    assert ran.code == 2
    assert "is no time of a request" in ran.report["error"]


BAD_SITES: dict[str, Callable[[], Any]] = {
    "one port for two": lambda: put(SITE, ("ports", "admin"), 20_001),
    "true for a port": lambda: put(SITE, ("ports", "admin"), True),
    "a port beyond all ports": lambda: put(SITE, ("ports", "prefect"), 10**30),
    "a name that is a number": lambda: put(SITE, ("name",), 3),
}
DEEP = b"[" * 99_999


@pytest.mark.parametrize("verb", [("status",), ("plan", MODEL), ("resume", MODEL), ("history",)])
@pytest.mark.parametrize("content", [*BAD_SITES.values(), lambda: DEEP], ids=[*BAD_SITES, "deep"])
def test_a_damaged_site_file(cli: Cli, verb: tuple[str, ...], content: Callable[[], Any]) -> None:
    """Every verb that needs the site says so, with the remedy."""
    cli.home.mkdir()
    told = content()
    written = told if isinstance(told, bytes) else json.dumps(told).encode()
    (cli.home / "site.json").write_bytes(written)
    ran = cli(*verb, "--json")

    assert ran.code == 1
    assert "site.json" in ran.report["error"]
    assert "pincex down" in ran.report["hint"]


@pytest.mark.parametrize("content", ["", '{"component": ', "[]"], ids=["empty", "half", "a list"])
def test_a_half_written_progress_file(cli: Cli, content: str) -> None:
    """A view that a crash cut off is no view; the ledger says what is open."""
    open_shadow(cli.home)
    (cli.home / "live" / f"progress-{MODEL}.json").write_text(content)
    ran = cli("status", "--json")

    assert ran.code == 0
    assert ran.report["models"][0]["phase"] == "SHADOW"


def test_a_model_the_ledger_does_not_know(cli: Cli) -> None:
    """`resume` of a name nobody rolled out starts nothing."""
    open_shadow(cli.home)

    for words in (("resume", "other"), ("resume", "--keep-serving")):
        assert cli(*words, "--json").code == 2
    assert not (cli.home / "processes" / "mlflow.json").exists()


@pytest.mark.parametrize(
    ("home", "said"),
    [("", "/.pincex"), (LONG, "File name too long"), ("pairs.jsonl", "is a file")],
    ids=["empty", "too long", "a file"],
)
def test_a_home_that_is_none(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, home: str, said: str
) -> None:
    """An empty one is not the working directory; the others are named."""
    Path("pairs.jsonl").write_bytes(GOOD_JSONL)
    monkeypatch.setenv("PINCEX_HOME", home)
    ran = cli("status", "--json")

    assert ran.code == 1
    assert said in ran.report["error"]
