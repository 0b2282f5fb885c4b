"""Changing Envoy's files: written whole under a new version, then seen live or put back."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import (
    Rejected,
    StateDamaged,
    Superseded,
    TrafficNotMoved,
    Unavailable,
)
from cluster.files import exclusive, read_object, write_whole
from cluster.local.admin import Admin, Subscription
from cluster.local.envoy_words import Json
from cluster.local.home import Home
from rollout.words import shell_word

CONFIRM_SECONDS, POLL, POLL_WHILE_DOWN, LOCK_SECONDS = 10.0, 0.002, 0.02, 2.0


@dataclass(frozen=True, slots=True)
class Change:
    """A file as it was written and before, and what its readers in Envoy said just before."""

    file: Path
    version: str
    text: str
    text_before: str | None
    readers: dict[str, Subscription]
    log_length: int


class Xds:
    """The files of one site's Envoy, and the proof that it follows them."""

    def __init__(self, home: Home, admin: Admin) -> None:
        self._home = home
        self._admin = admin

    def lock(self) -> AbstractContextManager[None]:
        """What a process holds while it decides on a change and writes it."""
        return exclusive(self._home.run / "traffic.lock", patience=LOCK_SECONDS)

    def read(self, file: Path) -> Json:
        """A file's content; NotFound without it, StateDamaged with the way to put it right."""
        return read_object(file, remedy=self._remedy(file))

    def damaged(self, file: Path, error: Exception) -> StateDamaged:
        """The error for a file that is JSON but not what it should be."""
        return StateDamaged(f"{file} is not what it should be: {error!r}", hint=self._remedy(file))

    def write(self, file: Path, render: Callable[[str], Json], readers: Sequence[str]) -> Change:
        """Replace a file with `render(version)` under the next version, and note the readers."""
        before = file.read_text() if file.exists() else None
        version = self._next_version(file, before, render)
        told = {prefix: self._state(prefix) for prefix in readers}
        text = json.dumps(render(version), indent=1) + "\n"
        change = Change(file, version, text, before, told, self._log_length())
        write_whole(file, text, stage=self._home.stage)
        return change

    def confirm(self, change: Change) -> None:
        """Wait until every reader lives by the change; longer while the keeper restarts Envoy.

        Rejected (and the former file is back), Superseded by a later change, or TrafficNotMoved.
        """
        deadline = time.monotonic() + CONFIRM_SECONDS
        silence: Unavailable | None = None
        baseline = dict(change.readers)
        while time.monotonic() < deadline:
            try:
                states = {prefix: self._admin.subscription(prefix) for prefix in baseline}
            except Unavailable as error:
                silence = error
                time.sleep(POLL_WHILE_DOWN)
                continue
            silence = None
            if all(state.version == change.version for state in states.values()):
                self._admin.require_own()
                write_whole(self._kept(change.file), change.text, stage=self._home.stage)
                return
            self._require_no_refusal(change, baseline, states)
            self._require_newest(change, states)
            time.sleep(POLL)
        raise TrafficNotMoved(
            f"{change.file.name} was written but is not live after {CONFIRM_SECONDS:g} s"
            + (f": {silence}" if silence else ""),
            hint="it will be live once Envoy answers: pincex status",
        )

    def _next_version(self, file: Path, before: str | None, render: Callable[[str], Json]) -> str:
        digest = hashlib.sha256(json.dumps(render(""), sort_keys=True).encode()).hexdigest()[:12]
        try:
            number = 0 if before is None else _number(json.loads(before)["version_info"])
        except (ValueError, KeyError, TypeError) as error:
            raise self.damaged(file, error) from error
        return f"{number + 1}-{digest}"

    def _state(self, prefix: str) -> Subscription:
        try:
            return self._admin.subscription(prefix)
        except Unavailable:
            # A restarted Envoy counts from zero.
            return Subscription(None, 0)

    def _require_no_refusal(
        self,
        change: Change,
        baseline: dict[str, Subscription],
        states: dict[str, Subscription],
    ) -> None:
        for prefix, state in states.items():
            if state.refusals < baseline[prefix].refusals:
                baseline[prefix] = Subscription(None, 0)
            if state.refusals > baseline[prefix].refusals:
                self._put_back(change)
                raise Rejected(
                    f"Envoy refused {change.file.name}; the one before is back:"
                    f" {self._refusal(change)}",
                    hint=f"tail {shell_word(self._home.log_file('envoy'))}",
                )

    def _put_back(self, change: Change) -> None:
        with self.lock():
            if change.file.read_text() != change.text:
                return
            if change.text_before is None:
                change.file.unlink()
            else:
                write_whole(change.file, change.text_before, stage=self._home.stage)

    def _require_newest(self, change: Change, states: dict[str, Subscription]) -> None:
        newest = max(_number(state.version) for state in states.values())
        if newest > _number(change.version):
            raise Superseded(f"{change.file.name}: change {newest} came after {change.version}")

    def _remedy(self, file: Path) -> str:
        # Envoy sees a file that is moved into its place, and what is kept may be needed again.
        kept = self._kept(file)
        words = kept, f"{kept}.copy", f"{kept}.copy", file
        return "cp {} {} && mv {} {}  (as it last was live)".format(*map(shell_word, words))

    def _kept(self, file: Path) -> Path:
        """Where the text that was last seen live is kept, out of Envoy's sight."""
        relative = file.relative_to(self._home.envoy / "xds")
        return self._home.stage / ("live-" + "-".join(relative.parts))

    def _log_length(self) -> int:
        log = self._home.log_file("envoy")
        return log.stat().st_size if log.exists() else 0

    def _refusal(self, change: Change) -> str:
        log = self._home.log_file("envoy")
        if not log.exists():
            return "it gave no reason"
        with log.open("rb") as file:
            file.seek(change.log_length)
            said = file.read().decode(errors="replace").splitlines()
        reasons = [line for line in said if "reject" in line or "nable to" in line]
        return reasons[-1] if reasons else "it gave no reason"


def _number(version: str | None) -> int:
    return int(version.partition("-")[0]) if version else 0
