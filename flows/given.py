"""Words of the command line that no verb can do anything with, refused before any of them runs."""

import argparse
import os

from flows.refusal import bad_input
from models.names import model_name, release_name
from rollout.words import shell_word

PATHS = (
    *("application", "checklist", "kubeconfig", "metrics", "backup", "pairs", "policy"),
    *("report", "file", "evidence", "source"),
)

SHOWN = 60


def check(options: argparse.Namespace) -> None:
    """Raise bad input for what is no text, no name, no release or no path."""
    given = {key: value for key, value in vars(options).items() if value is not None}
    for key, value in given.items():
        if value == []:
            # argparse takes the -- of --option=-- for the one that ends the options.
            raise bad_input("-- stands where a value belongs", f"pincex {options.verb} --help")
        if isinstance(value, str):
            _check_text(key, value)
    if "site" in given:
        # Only here: `--help` need not wait for the adapters.
        from flows.site import site

        site(given["site"])
    if "name" in given:
        model_name(given["name"])
    for key in ("version", "release"):
        if key in given:
            release_name(given[key])
    for key in PATHS:
        if key in given:
            _check_path(key, given[key])


def where(options: argparse.Namespace) -> str:
    """The options that name a namespace, as they were given."""
    named = [
        (name, getattr(options, name, None)) for name in ("namespace", "context", "kubeconfig")
    ]
    return "".join(f" --{name} {shell_word(value)}" for name, value in named if value)


def _check_text(key: str, value: str) -> None:
    """Bytes that are no UTF-8 fit into no ledger, file name of ours or message."""
    try:
        value.encode()
    except UnicodeEncodeError:
        shown = value.encode("utf-8", "backslashreplace").decode()
        raise bad_input(f"{key} {shown[:SHOWN]!r} is not UTF-8", "type it as UTF-8") from None


def _check_path(key: str, path: str) -> None:
    """What does not exist is for the verb to say; here, what the system cannot even look for."""
    if not path:
        raise bad_input(f"{key} is empty: it names no file", "name a file; is a variable not set?")
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise bad_input(f"{path[:SHOWN]!r} cannot be read: {why}", "name a readable file") from None
