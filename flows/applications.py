"""Which application is meant: the file that was named, the site's own, or the sample exchange."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from analysis import BadInput
from cluster.services import Services
from flows.policies import require_no_mark
from flows.refusal import Refused, bad_input
from flows.site import Site
from rollout.application import Application, Component, parse_application
from rollout.release import Parts
from rollout.state import Revision

T = TypeVar("T")

FILE = "application.toml"


def application(here: Site, given: str | None) -> Application:
    """The application to act on; one that does not fit is bad input, with file and line."""
    path = here.settings / FILE if given is None else Path(given)
    if given is None and not path.exists():
        return read(files("demo.exchange").joinpath(FILE).read_text(encoding="utf-8"), FILE)
    if not path.is_file():
        raise bad_input(f"there is no application {path}", "--application FILE names a TOML file")
    return read(text_of(path), str(path))


def text_of(path: Path) -> str:
    """What stands in a file of settings; bad input where that is no text."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise bad_input(f"{path} is not UTF-8: {error}", "settings are UTF-8 TOML") from error
    except OSError as error:
        raise bad_input(f"{path} cannot be read: {error.strerror}", "a readable file") from error
    require_no_mark(text, path)
    return text


def read(text: str, name: str) -> Application:
    """The application that a text describes."""
    return parsed(text, name, parse_application)


def parsed(text: str, name: str, parse: Callable[[str], T]) -> T:
    """What a text of settings says; bad input, with its name, where it does not fit."""
    try:
        return parse(text)
    except BadInput as error:
        raise bad_input(f"{name}, {error.message}", error.hint) from error
    except (ValueError, RecursionError) as error:
        # Not only TOMLDecodeError: numbers of too many digits and too deep tables end otherwise.
        raise bad_input(f"{name} is not TOML: {error}", "a TOML file") from error


def runnable(services: Services, described: Application) -> Application:
    """The same, unless a service of it cannot be run on the site."""
    for part in described.services:
        services.require_runnable(part)
    return described


def description_of(parts: Parts, component: str, revision: Revision) -> Component:
    """The component as it was described for this revision, from the newest release with it."""
    for text in reversed([*parts.texts.values()]):
        for part in parse_application(text).services:
            if part.name == component and part.digest == revision.digest:
                return part
    raise Refused(
        f"the ledger does not know how {component} {revision.version} is started",
        hint="pincex history",
    )
