"""The life of a model, lived once: each step with what the command said and what was so then."""

import signal
import time
from dataclasses import dataclass, field
from typing import Any

from cluster.ledger import Row
from flows.rehearsal.small_client import Client
from flows.rehearsal.small_site import MODEL, Ran, SmallSite, ended, eventually

LOOKS = 8


@dataclass(frozen=True, slots=True)
class Step:
    """What one command answered, and what `status` and the registry said after it."""

    ran: Ran
    status: dict[str, Any]
    aliases: dict[str, str]


@dataclass
class Story:
    """Steps by name, two commands at once, the client that asked all the while, and the ledger."""

    here: SmallSite
    client: Client
    steps: dict[str, Step] = field(default_factory=dict)
    at_once: list[Ran] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def step(self, name: str, *words: str) -> Step:
        """Run a command and note what became of it."""
        return self.note(name, self.here.pincex(*words))

    def note(self, name: str, ran: Ran) -> Step:
        """Note what is so now, after this command."""
        aliases = self.here.site.registry.aliases(MODEL)
        self.steps[name] = Step(ran, _compared(self.here), aliases)
        return self.steps[name]


def _compared(here: SmallSite) -> dict[str, Any]:
    """The status, asked again while MLflow is too busy to be compared with, or to follow."""
    for _ in range(LOOKS):
        status = here.status()
        if not status["differences"] and not status["not_compared"]:
            break
        time.sleep(0.2)
    return status


def lived(here: SmallSite) -> Story:
    """From the first shadow to a foreign hand in the registry, under load all the time."""
    with here.load() as client:
        story = Story(here, client)
        _shadow_twice_at_once(story)
        story.step("promote", "promote-model", MODEL)
        story.step("roll back", "rollback-model", MODEL, "--reason", "it was asked for")
        story.step("roll forward", "promote-model", MODEL, "v2.0.0")
        _deploy_and_look_away(story, "v3.0.0")
        story.step("promote the bad one", "promote-model", MODEL, "v3.0.0")
        story.step("override", "promote-model", MODEL, "v4.0.0", "--override", "the desk asked")
        story.step("undo the override", "rollback-model", MODEL)
        here.site.registry.set_alias(MODEL, "champion", "v3.0.0")
        story.step("deploy despite a foreign alias", "deploy-model", MODEL, "v3.0.0")
        story.step("keep serving", "resume", MODEL, "--keep-serving")
        story.rows = here.rows()
    return story


def _shadow_twice_at_once(story: Story) -> None:
    """The same deploy from two terminals, and impatience meanwhile."""
    here = story.here
    begun = time.monotonic()
    both = [here.command("deploy-model", MODEL, "v2.0.0") for _ in range(2)]
    eventually(lambda: here.history().open, 60, "the shadow is open")
    story.step("promote too early", "promote-model", MODEL)
    story.step("deploy another", "deploy-model", MODEL, "v3.0.0")
    story.at_once = [ended(process, begun) for process in both]
    story.note("deploy", next(ran for ran in story.at_once if ran.code == 0))


def _deploy_and_look_away(story: Story, version: str) -> None:
    """Ctrl-C stops following; `resume` follows the same rollout to its end."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell's background job hands that down, and the command would not hear of Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    begun = time.monotonic()
    process = story.here.command("deploy-model", MODEL, version)
    eventually(lambda: story.here.history().open, 60, "the shadow is open")
    process.send_signal(signal.SIGINT)
    story.note("stop following", ended(process, begun))
    story.step("deploy a bad one", "resume", MODEL)
