"""The command line: exit codes, error objects, help, and how little it imports."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli_parts import ERROR_KEYS, Cli, child

from flows.cli import NOT_BUILT, VERBS, parser

ROOT = Path(__file__).parents[2]
DEPLOY = ("deploy-model", "price", "v1.0.0")

BAD_INPUT = {
    "no verb": ((), "the following arguments are required: VERB"),
    "unknown verb": (("depoly",), "invalid choice: 'depoly'"),
    "unknown option": (("status", "--all"), "unrecognized arguments: --all"),
    "missing argument": (("register-model", "price"), "required: version"),
    "unknown site": (("status", "--site", "moon"), "there is no site 'moon'. Known: local"),
    "site before the verb": (("--site", "moon", "status"), "there is no site 'moon'"),
    "sample of nothing": ((*DEPLOY, "--sample", "0"), "--sample 0 is no share of requests"),
    "sample of more than all": ((*DEPLOY, "--sample", "101"), "--sample 101 is no share"),
    "sample that is no number": ((*DEPLOY, "--sample", "half"), "invalid float value: 'half'"),
    "sample nan": ((*DEPLOY, "--sample", "nan"), "--sample nan is no share"),
    "cap of nothing": ((*DEPLOY, "--cap", "0"), "--cap 0 is no rate"),
    "cap without end": ((*DEPLOY, "--cap", "inf"), "--cap inf is no rate"),
    "missing policy": ((*DEPLOY, "--policy", "none.toml"), "there is no policy none.toml"),
    "policy is a directory": ((*DEPLOY, "--policy", "."), "there is no policy ."),
    "policy with an unknown key": ((*DEPLOY, "--policy", "bad.toml"), "no key 'max_minutes'"),
    "policy that is no text": ((*DEPLOY, "--policy", "binary.toml"), "binary.toml is not UTF-8"),
    "missing model directory": (
        ("register-model", "price", "v1.0.0", "nowhere"),
        "there is no directory",
    ),
    "override without a reason": (
        ("promote-model", "price", "--override", " "),
        "--override needs a reason",
    ),
    "refusal without a reason": (
        ("approve", "price", "--refuse", "--reason", " "),
        "--refuse needs a reason",
    ),
    "both ways to settle": (
        ("resume", "price", "--keep-serving", "--follow-alias"),
        "not allowed with argument",
    ),
    "missing pairs": (("judge", "none.parquet"), "none.parquet does not exist"),
    "missing judging policy": (("judge", "x", "--policy", "none.toml"), "no policy none.toml"),
    "judging policy that is no text": (
        ("judge", "x", "--policy", "binary.toml"),
        "binary.toml is not UTF-8",
    ),
    "judging policy with a mark": (
        ("judge", "x", "--policy", "marked.toml"),
        "marked.toml begins with a byte-order mark",
    ),
    "application with a mark": (
        ("deploy", "v1.0.0", "--application", "marked.toml"),
        "marked.toml begins with a byte-order mark",
    ),
    "missing evidence": (("verify", "none"), "none is no evidence"),
    "missing backup": (("restore-config", "none.json"), "there is no backup none.json"),
    "no backup": (("restore-config", "bad.toml"), "bad.toml is no backup"),
}
NO_SITE = {
    "status": ("status",),
    "model-status": ("model-status", "price"),
    "history": ("history",),
    "backup-config": ("backup-config",),
    "labels": ("labels", "price", "labels.jsonl"),
    "promote-model": ("promote-model", "price"),
    "approve": ("approve", "price"),
    "rollback-model": ("rollback-model", "price"),
    "resume": ("resume",),
}


@pytest.mark.parametrize(("arguments", "said"), BAD_INPUT.values(), ids=BAD_INPUT.keys())
def test_bad_input_changes_nothing(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    """Exit code 2, what is wrong and a hint, and no site was made for it."""
    Path("bad.toml").write_text("[rollout.shadow]\nmax_minutes = 3\n")
    Path("binary.toml").write_bytes(b"\xff\xfe")
    Path("marked.toml").write_text("[rollout]\n", encoding="utf-8-sig")
    ran = cli(*arguments)

    assert ran.code == 2
    assert ran.out == ""
    first, second = ran.err.splitlines()
    assert first.startswith("error: ")
    assert said in first
    assert first.endswith(". Nothing was changed.")
    assert len(second) > len("hint: ")
    assert not cli.home.exists()


@pytest.mark.parametrize("arguments", NO_SITE.values(), ids=NO_SITE.keys())
def test_a_site_that_was_never_made_is_an_error(cli: Cli, arguments: tuple[str, ...]) -> None:
    """Verbs that look or go on do not make one; the hint does."""
    ran = cli(*arguments)

    assert ran.code == 1
    assert (
        ran.err == f"error: there is no site in {cli.home}. Nothing was changed.\nhint: pincex up\n"
    )
    assert not cli.home.exists()


def test_ending_a_site_that_was_never_made_is_done(cli: Cli) -> None:
    """There is nothing to stop."""
    ran = cli("down")

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("stopped 0 processes")
    assert not cli.home.exists()


JSON_ERRORS = BAD_INPUT | {
    f"no site: {name}": (given, "there is no site") for name, given in NO_SITE.items()
}


@pytest.mark.parametrize(("arguments", "said"), JSON_ERRORS.values(), ids=JSON_ERRORS.keys())
def test_errors_are_one_json_object(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    """With --json, before or after the verb: one object on stdout, nothing on stderr."""
    Path("bad.toml").write_text("[rollout.shadow]\nmax_minutes = 3\n")
    Path("binary.toml").write_bytes(b"\xff\xfe")
    Path("marked.toml").write_text("[rollout]\n", encoding="utf-8-sig")
    after, before = cli(*arguments, "--json"), cli("--json", *arguments)

    assert after.report == before.report
    assert set(after.report) == ERROR_KEYS
    assert said in after.report["error"]
    assert after.report["changed"] == "Nothing was changed."
    assert after.err == ""


def test_a_report_is_one_json_object(cli: Cli) -> None:
    """Success prints one object, too, and nothing else."""
    ran = cli("down", "--json")

    assert ran.report == {"site": "local", "stopped": []}
    assert ran.err == ""


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(cli: Cli, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its sentence, and a word on each of its arguments."""
    with pytest.raises(SystemExit) as ended:
        cli(verb, "--help")
    shown = capsys.readouterr().out

    assert ended.value.code == 0
    assert VERBS[verb][1].split(",")[0].split()[0] in shown
    assert f"usage: pincex {verb}" in shown
    options = [text for text in shown.splitlines() if text.startswith("  -")]
    assert options
    assert not [text for text in options if len(text.split(maxsplit=1)) < 2]


def test_help_names_every_verb_and_the_exit_codes() -> None:
    """One page to find everything."""
    shown = parser().format_help()
    listed = {line.split()[0] for line in shown.splitlines() if line.startswith("    ")}

    assert set(VERBS) <= listed
    assert "Exit codes: 0 done or PASS" in shown


def test_the_runbook_and_the_command_have_the_same_verbs() -> None:
    """A verb missing in RUNBOOK.md is not documented; one that only the runbook has is a lie.

    It has those that are not built, too, and says so.
    """
    runbook = (ROOT / "RUNBOOK.md").read_text(encoding="utf-8")

    assert set(re.findall(r"\bpincex ([a-z][a-z-]*)", runbook)) - NOT_BUILT == set(VERBS)


def test_every_verb_can_be_imported() -> None:
    """Each entry of the table names a function that exists."""
    code = (
        "import importlib; from flows.cli import VERBS\n"
        "for target, _ in VERBS.values():\n"
        "    module, name = target.split(':')\n"
        "    assert callable(getattr(importlib.import_module(module), name)), target\n"
    )

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


LIGHT = (
    "flows.cli",
    "flows.status",
    "flows.rollback",
    "flows.approve",
    "flows.command",
    "flows.release_command",
    "flows.judging",
)
HEAVY = ("polars", "numpy", "httpx", "mlflow", "prefect", "pandas", "pyarrow", "scipy", "sklearn")


@pytest.mark.parametrize("module", LIGHT)
def test_commands_import_no_sdk(module: str) -> None:
    """So that they answer at once, and an undo waits for no import."""
    code = f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


def test_the_command_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code, one object on stdout, the state under .pincex of the working directory."""
    monkeypatch.delenv("PINCEX_HOME", raising=False)
    ran = child("status", "--json", cwd=tmp_path)

    assert ran.code == 1
    assert ran.report["error"] == f"there is no site in {tmp_path / '.pincex'}"
    assert ran.err == ""


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    """`pincex ... | head` ends quietly with the verb's own exit code."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "down"],
        cwd=tmp_path,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("json", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize(
    ("words", "code"),
    [(("down",), 0), (("status",), 1), (("status", "--nothing"), 2)],
    ids=["done", "failed", "bad input"],
)
@pytest.mark.parametrize(
    ("onto", "why"),
    [(">&-", "it is closed"), (">/dev/full", "No space left on device")],
    ids=["closed", "full"],
)
def test_an_answer_that_cannot_be_written_changes_no_exit_code(
    tmp_path: Path, onto: str, why: str, words: tuple[str, ...], code: int, json: tuple[str, ...]
) -> None:
    """The work is done, and one line says that its answer is lost; errors have stderr anyway."""
    done = onto_nothing(tmp_path, onto, *words, *json)

    assert done.returncode == code
    assert "Traceback" not in done.stderr
    lost = done.stderr == f"the answer cannot be written to stdout: {why}\n"
    assert lost == (code == 0 or bool(json))


@pytest.mark.parametrize("onto", [">&- 2>&-", ">/dev/full 2>/dev/full", "<&- 2>&-"])
def test_nobody_need_hear_a_command(tmp_path: Path, onto: str) -> None:
    """Its exit code is enough."""
    assert onto_nothing(tmp_path, onto, "down").returncode == 0
    assert onto_nothing(tmp_path, onto, "status").returncode == 1


def onto_nothing(tmp_path: Path, onto: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A command whose standard streams a shell closed, or led to a full disk."""
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {onto}', "sh", sys.executable, "-m", "flows.cli", *words],
        cwd=ROOT,
        env={**os.environ, "PINCEX_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_home_that_is_a_file_is_said_to_be_one(cli: Cli) -> None:
    """Nothing in it could be removed."""
    cli.home.write_text("")
    ran = cli("status", "--json")

    assert ran.code == 1
    assert ran.report["error"] == f"{cli.home} is a file"
    assert ran.report["hint"] == "PINCEX_HOME names a folder"


def test_a_name_that_a_terminal_would_obey_is_spelt_out(cli: Cli) -> None:
    """It may clear the screen, or look like another message."""
    ran = cli("judge", "\x1b[2Jpairs\x9b.parquet")

    assert ran.code == 2
    assert "\\x1b[2Jpairs\\x9b.parquet" in ran.err
    assert not {"\x1b", "\x9b"} & set(ran.err)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        pytest.param(("depoly", "v1.0.0"), "did you mean deploy?", id="verb"),
        pytest.param(("deploy", "v1", "--polici", "x"), "did you mean --policy?", id="option"),
        pytest.param(("deploy", "v1", "--polici=x"), "did you mean --policy?", id="with its value"),
        pytest.param(("xyzzy",), "pincex --help", id="like nothing"),
    ],
)
def test_a_misspelt_word_is_told_the_one_that_it_looks_like(
    cli: Cli, words: tuple[str, ...], meant: str
) -> None:
    """Who types at night mistypes."""
    assert cli(*words, "--json").report["hint"].startswith(meant)


def test_a_defect_is_one_object_and_its_traceback(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever reads our JSON gets some whatever happens, and whoever mends it the rest."""
    monkeypatch.setitem(VERBS, "status", ("builtins:len", VERBS["status"][1]))

    with pytest.raises(TypeError, match="has no len"):
        cli("status", "--json")
    assert json.loads(capsys.readouterr().out)["error"].startswith("a defect: TypeError: ")


INTERRUPTED_AMID_IMPORTS = """
import signal, sys

class Interrupting:
    def find_spec(self, name, path, target=None):
        if name == "flows.arguments":
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
"""
INTERRUPTED_AT_ITS_END = """
import atexit, signal, sys
atexit.register(signal.raise_signal, signal.SIGINT)
"""


@pytest.mark.parametrize(
    ("when", "code", "said"),
    [
        pytest.param(INTERRUPTED_AMID_IMPORTS, 4, "error: interrupted.", id="imports"),
        pytest.param(INTERRUPTED_AT_ITS_END, 0, "", id="end"),
    ],
)
def test_an_interrupt_leaves_no_traceback(tmp_path: Path, when: str, code: int, said: str) -> None:
    """Before the first verb is known it is held, and what is done is done."""
    run = "import flows.entry; sys.argv[1:] = ['down']; sys.exit(flows.entry.main())"
    done = subprocess.run(
        [sys.executable, "-c", f"{when}\n{run}"],
        cwd=ROOT,
        env={**os.environ, "PINCEX_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith(said)
