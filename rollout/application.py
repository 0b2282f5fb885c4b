"""What an application consists of, read once from application.toml and checked as a whole."""

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis import BadInput
from rollout.credentials import holds_credentials
from rollout.pod import component_pod, leaves
from rollout.toml_lines import Lines
from rollout.toml_reader import NAME, Reader

PLACEHOLDERS = ("port", "version", "instance", "home", "endpoint", "python")
RESERVED = ("/predict", "/labels", "/models")
"""Paths at which the models of a site answer."""

SINGLE, MANY = "single", "many"
STEP_SECONDS, LONGEST_STEP = 600, 86_400
KEYS = {
    "application": ("name",),
    "component": (
        *("image", "command", "model", "paths", "health", "dependencies", "metrics", "database"),
        *("runs", "instances", "grace", "idempotent", "mirrorable", "release_steps", "pod"),
    ),
    "health": ("ready", "live"),
    "release_steps": ("name", "command", "reversible", "within"),
}
OF_MODEL = ("model", "dependencies")
WITHOUT_PASSWORD = (
    "the same without it: a Secret that pod.containers.env names, a variable ($NAME) or a file"
)


@dataclass(frozen=True, slots=True)
class Health:
    """Paths that answer 200: `ready` once requests can be served, `live` as long as it works."""

    ready: str
    live: str


@dataclass(frozen=True, slots=True)
class ReleaseStep:
    """A command that a release needs beside its servers; one that is not reversible runs last.

    It has failed where it has not ended `within` so many seconds.
    """

    name: str
    command: tuple[str, ...]
    reversible: bool
    within: float


@dataclass(frozen=True, slots=True)
class Component:
    """One part of an application; `grace` in seconds, `model` names what `deploy-model` rolls out.

    `pod` is a PodSpec with one container, for what a cluster must know besides.
    Requests that are not idempotent are never sent twice, those that are not mirrorable never
    copied. One that runs as `single` is handed over, never given a share of the requests.
    """

    name: str
    image: str | None
    command: tuple[str, ...]
    model: str | None
    paths: tuple[str, ...]
    health: Health
    dependencies: tuple[str, ...]
    metrics: str | None
    database: str | None
    single: bool
    instances: int
    grace: float
    idempotent: bool
    mirrorable: bool
    release_steps: tuple[ReleaseStep, ...]
    pod: Mapping[str, Any]
    digest: str

    def shares(self, steps: Sequence[int], *, by_instances: bool = False) -> tuple[int, ...]:
        """The percentages by which a candidate takes over: the steps, or all at once if single.

        Where a share is made of whole instances, the steps are those that so many can make.
        """
        if self.single:
            return (100,)
        if not by_instances:
            return tuple(steps)
        counts = {max(1, round(share * self.instances / 100)) for share in steps}
        return tuple(round(100 * count / self.instances) for count in sorted(counts))


@dataclass(frozen=True, slots=True)
class Application:
    """All components, each after those that it depends on, with the text they were read from."""

    name: str
    components: tuple[Component, ...]
    text: str

    @property
    def services(self) -> tuple[Component, ...]:
        """What `deploy` rolls out; models have a verb of their own."""
        return tuple(part for part in self.components if part.model is None)

    @property
    def digest(self) -> str:
        """Tells applications apart, however their files are written."""
        return _digest([part.digest for part in self.components])

    def component(self, name: str) -> Component:
        """The component of that name; BadInput names those that exist."""
        for part in self.components:
            if part.name == name:
                return part
        known = ", ".join(part.name for part in self.components)
        raise BadInput(f"{self.name} has no component {name}", hint=f"known: {known}")


def parse_application(text: str) -> Application:
    """Read an application; `BadInput` names line and key, TOMLDecodeError what is not TOML."""
    reader = Reader(tomllib.loads(text), Lines(text), PLACEHOLDERS)
    reader.known((), ("application", "component"))
    reader.known(("application",), KEYS["application"])
    name = reader.name(("application", "name"))
    components = [_component(reader, part) for part in reader.tables(("component",))]
    if name in [part.name for part in components]:
        reader.wrong(("application", "name"), f"{name!r} is the name of a component", "another")
    _require_paths_apart(reader, components)
    return Application(name, _in_order(reader, components), text)


def _component(reader: Reader, name: str) -> Component:
    at = ("component", name)
    reader.known(at, KEYS["component"])
    if not NAME.fullmatch(name):
        reader.wrong(at, f"{name!r} is no name", "lower case letters, digits and hyphens, 42")
    model = reader.text((*at, "model"), None)
    for key in reader.keys(at) if model is not None else ():
        if key not in OF_MODEL:
            reader.wrong((*at, key), f"a model has no {key}", "its versions and policy say it")
    image, command = reader.text((*at, "image"), None), reader.command((*at, "command"))
    if model is None and image is None and not command:
        reader.wrong(at, "it has neither image, command nor model", "say what runs")
    if command and "{port}" not in " ".join(command):
        reader.wrong((*at, "command"), "it is not told its port", 'the word "{port}" in it')
    if image is not None and not image.strip():
        reader.wrong((*at, "image"), "it is empty", "registry/name@sha256:...")
    reader.known((*at, "health"), KEYS["health"])
    single = reader.choice((*at, "runs"), SINGLE, (SINGLE, MANY)) == SINGLE
    part = Component(
        name=name,
        image=image,
        command=command,
        model=model,
        paths=reader.url_paths((*at, "paths")),
        health=Health(
            reader.url_path((*at, "health", "ready"), "/readyz"),
            reader.url_path((*at, "health", "live"), "/healthz"),
        ),
        dependencies=reader.words((*at, "dependencies")),
        metrics=reader.url_path((*at, "metrics"), None),
        database=reader.text((*at, "database"), None),
        single=single,
        instances=reader.whole((*at, "instances"), 1 if single else 2),
        grace=reader.whole((*at, "grace"), 10),
        idempotent=reader.flag((*at, "idempotent"), False),
        mirrorable=reader.flag((*at, "mirrorable"), False),
        release_steps=_release_steps(reader, at),
        pod=component_pod(reader, at),
        digest=_digest(reader.value(at)),
    )
    _require_consistent(reader, at, part)
    _require_no_credentials(reader, at, part)
    return part


def _release_steps(reader: Reader, at: tuple[str, ...]) -> tuple[ReleaseStep, ...]:
    made: list[ReleaseStep] = []
    for index in range(len(reader.entries((*at, "release_steps")))):
        step = (*at, "release_steps", str(index))
        reader.known(step, KEYS["release_steps"])
        name = reader.name((*step, "name"))
        if name in [one.name for one in made]:
            reader.wrong((*step, "name"), f"{name!r} stands twice", "a name of its own")
        command = reader.command((*step, "command"))
        if not command:
            reader.wrong(step, "it has no command", 'command = ["program", "word"]')
        reversible, within = reader.flag((*step, "reversible"), False), (*step, "within")
        made.append(
            ReleaseStep(name, command, reversible, reader.whole(within, STEP_SECONDS, LONGEST_STEP))
        )
    return tuple(made)


def _require_consistent(reader: Reader, at: tuple[str, ...], part: Component) -> None:
    """What a component says of itself must fit together."""
    if part.single and part.instances != 1:
        said = f'it runs as "{SINGLE}", but in {part.instances} instances'
        reader.wrong((*at, "instances"), said, f'1, or runs = "{MANY}"')
    if part.mirrorable and not part.idempotent:
        said = "a copy is a second execution, and its requests are not idempotent"
        reader.wrong((*at, "mirrorable"), said, "mirrorable = false, or idempotent = true")
    if part.mirrorable and part.single:
        said = f'it runs as "{SINGLE}", so there is nobody to take a copy'
        reader.wrong((*at, "mirrorable"), said, "mirrorable = false")


def _require_no_credentials(reader: Reader, at: tuple[str, ...], part: Component) -> None:
    """The ledger keeps for ever what an application says."""
    said = [(place, value) for place, value in leaves(at, reader.value(at))]
    # An option and its value may be two words.
    said.append(((*at, "command"), " ".join(part.command)))
    for index, step in enumerate(part.release_steps):
        place = (*at, "release_steps", str(index), "command")
        said.append((place, " ".join(step.command)))
    for place, value in said:
        if isinstance(value, str) and holds_credentials(value):
            reader.wrong(place, "it holds a password", WITHOUT_PASSWORD)


def _require_paths_apart(reader: Reader, components: Sequence[Component]) -> None:
    """A request belongs to one component."""
    taken = [(path, "the models") for path in RESERVED]
    for part in components:
        for path in part.paths:
            for other, owner in taken:
                if f"{path}/".startswith(f"{other}/") or f"{other}/".startswith(f"{path}/"):
                    said = f"{path} meets {other} of {owner}"
                    reader.wrong(("component", part.name, "paths"), said, "paths of its own")
            taken.append((path, part.name))


def _in_order(reader: Reader, components: Sequence[Component]) -> tuple[Component, ...]:
    """Each component after what it depends on, else as written; what is no order is refused."""
    names = [part.name for part in components]
    for part in components:
        for needed in part.dependencies:
            if needed not in names:
                at = ("component", part.name, "dependencies")
                reader.wrong(at, f"there is no component {needed!r}", f"of {', '.join(names)}")
    ordered: list[Component] = []
    while len(ordered) < len(components):
        done = {part.name for part in ordered}
        left = [part for part in components if part.name not in done]
        free = [part for part in left if done.issuperset(part.dependencies)]
        if not free:
            circle = " -> ".join(_circle(left))
            at = ("component", left[0].name, "dependencies")
            reader.wrong(at, f"nothing can be first: {circle}", "dependencies without a circle")
        ordered.append(free[0])
    return tuple(ordered)


def _circle(left: Sequence[Component]) -> list[str]:
    """Names along a circle of dependencies, the first one again at its end."""
    by_name = {part.name: part for part in left}
    walked = [left[0].name]
    while walked[-1] not in walked[:-1]:
        needed = by_name[walked[-1]].dependencies
        walked.append(next(name for name in needed if name in by_name))
    return walked[walked.index(walked[-1]) :]


def _digest(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
