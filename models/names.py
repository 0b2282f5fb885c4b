"""Which names of models and releases are allowed: they become folders, URL paths and tags."""

import re

from models.errors import Invalid

# Narrower than MLflow (which forbids only "/" and ":"), because a model's name is also a folder
# and a URL prefix. The proxy joins names with "--", so neither part may contain it.
_NAME = re.compile(r"(?!.*--)[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
# The dot keeps a release apart from MLflow's version numbers and from its reserved aliases (v2).
_RELEASE = re.compile(r"(?!.*--)v?[0-9]+(\.[0-9A-Za-z]+)+([-+][0-9A-Za-z.-]*[0-9A-Za-z])?")
_ALIAS = re.compile(r"(?!latest$|[vV][0-9]+$)[A-Za-z0-9_-]{1,100}")


def model_name(text: str) -> str:
    """The name itself; Invalid unless letters, digits, `_` and `-`, at most 63, no `--`."""
    if not _NAME.fullmatch(text):
        raise Invalid(
            f"{text!r} is no model name: at most 63 letters, digits, _ and - (no --), "
            "the first a letter or digit"
        )
    return text


def release_name(text: str) -> str:
    """The release itself; Invalid unless it looks like v2.1.0."""
    if len(text) > 60 or not _RELEASE.fullmatch(text):
        raise Invalid(f"{text!r} is no release: numbers joined by dots, such as v2.1.0")
    return text


def alias_name(text: str) -> str:
    """The alias itself; Invalid where MLflow would refuse or reserve it."""
    if not _ALIAS.fullmatch(text):
        raise Invalid(f"{text!r} is no alias: letters, digits, _ and -, not latest and not v2")
    return text
