"""The main job: train, shadow, judge, promote, roll back, roll forward, and reject what is bad."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from demo.commands import DemoFailed, Ran, pincex
from demo.outside import Outside
from demo.table import Switch, Tried, final

T = TypeVar("T")

MODEL = "price-predictor"
CHAMPION, CHALLENGER = "v2.0.0", "v2.1.0"
REJECTED = ("v2.2.0", "v2.3.0", "v2.4.0")
HONEST = "v2.5.0"
PAST_REQUESTS = 5_500
SETTLED = 1.0
ANY_VERDICT = (0, 3, 4)


@dataclass
class Story:
    """One run of the demo in one home; `say` prints a line for people."""

    home: Path
    rate: float
    say: Callable[[str], None]

    def run(self) -> str:
        """Everything, in order; the answer is the closing screen."""
        started = time.monotonic()
        # Whatever fails, the process that trains is waited for.
        with self._train() as training:
            site = self.step("start Envoy, MLflow, Prefect under one keeper", lambda: pincex("up"))
            self.step("train six versions on prices before 2010", training.wait)
        if training.returncode:
            raise DemoFailed("training failed; its words are above")
        self._register(CHAMPION)
        self.step(
            f"deploy {CHAMPION} as the first champion",
            lambda: pincex("deploy-model", MODEL, CHAMPION, "--first", *self._policy()),
        )
        client = Outside(site.report["endpoint"], self.rate, self.home / "demo" / "client.json")
        try:
            tried, switches = self._rollouts(client, started)
        finally:
            counted = client.end()
        return final(tried, switches, counted, site.report, time.monotonic() - started)

    def step(self, what: str, do: Callable[[], T]) -> T:
        """Say what is done, do it, say how long it took."""
        begun = time.monotonic()
        done = do()
        self.say(f"  {time.monotonic() - begun:5.1f} s  {what}")
        return done

    def _train(self) -> subprocess.Popen[bytes]:
        out = self.home / "demo" / "versions"
        out.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "demo.train", str(out)]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def _policy(self) -> tuple[str, str]:
        place = self.home / "demo" / "policy.toml"
        place.write_text(files("demo").joinpath("policy.toml").read_text())
        return "--policy", str(place)

    def _register(self, *versions: str) -> None:
        for version in versions:
            source = str(self.home / "demo" / "versions" / version)
            self.step(
                f"register {version}",
                lambda v=version, s=source: pincex("register-model", MODEL, v, s),  # type: ignore[misc]
            )

    def _rollouts(self, client: Outside, started: float) -> tuple[list[Tried], dict[str, Switch]]:
        self._register(CHALLENGER, *REJECTED, HONEST)
        self.step(
            f"{PAST_REQUESTS:,} requests from an outside client, the past that p95 is held against",
            lambda: client.wait_for_answers(PAST_REQUESTS),
        )
        tried = [self._shadow(CHALLENGER)]
        self.say(f"         first verdict {time.monotonic() - started:.0f} s after the start")
        if tried[0].decision != "PROMOTE":
            raise DemoFailed(f"{CHALLENGER} earned {tried[0].decision}: {tried[0].reason}")
        switches = {
            "promoted": self._switch(client, CHAMPION, "promote-model", MODEL),
            "rolled back": self._switch(client, CHALLENGER, "rollback-model", MODEL),
            "rolled forward": self._switch(client, CHAMPION, "promote-model", MODEL, CHALLENGER),
        }
        tried += [self._shadow(version) for version in (*REJECTED, HONEST)]
        return tried, switches

    def _shadow(self, version: str) -> Tried:
        """Shadow a version until its verdict; whatever it earns is shown."""
        ran: Ran = self.step(
            f"shadow {version}",
            lambda: pincex("deploy-model", MODEL, version, *self._policy(), allowed=ANY_VERDICT),
        )
        self.say(f"         {ran.report['decision']}: {ran.report['reason']}")
        return Tried.of(ran.report, self._mirrored_since(version))

    def _mirrored_since(self, version: str) -> datetime:
        rows: list[dict[str, Any]] = pincex("history", MODEL).report["rows"]
        mirrored = [row["data"] for row in rows if row["kind"] == "traffic"]
        began = [data["began_at"] for data in mirrored if data["mirrored"] == version]
        return datetime.fromisoformat(began[-1])

    def _switch(self, client: Outside, old: str, *words: str) -> Switch:
        """Move traffic under load; the time until no answer came from the old version any more."""
        self.step(" ".join(words), lambda: pincex(*words))
        rows: list[dict[str, Any]] = pincex("history", MODEL).report["rows"]
        moved = [row["data"]["began_at"] for row in rows if row["kind"] == "traffic"][-1]
        began = datetime.fromisoformat(moved).timestamp()
        return Switch(seconds=max(client.last_answer(old, SETTLED) - began, 0.0))


def fresh(home: Path) -> None:
    """Put an earlier demo aside, removing nothing; a home that is not a demo's is left alone."""
    mark = home / "demo"
    if (mark / "versions").is_dir() and (home / "site.json").is_file():
        pincex("down")
        home.rename(_aside(home))
    elif not (home / "site.json").is_file() and _holds_more_than(home, "demo"):
        raise DemoFailed(
            f"{home} holds something that is no site; give the demo a home of its own: "
            "PINCEX_HOME=elsewhere"
        )
    elif (home / "ledger.sqlite").exists() and pincex("status").report["models"]:
        raise DemoFailed(
            f"{home} holds models of yours; give the demo a home of its own: PINCEX_HOME=elsewhere"
        )
    mark.mkdir(parents=True, exist_ok=True)


def _aside(home: Path) -> Path:
    """The first name beside the home that is free: what lies there may hold models of somebody."""
    names = ["before", *(f"before-{number}" for number in range(2, 1000))]
    places = (home.with_name(f"{home.name}.{name}") for name in names)
    return next(place for place in places if not place.exists())


def _holds_more_than(home: Path, name: str) -> bool:
    return home.is_dir() and any(entry.name != name for entry in home.iterdir())
