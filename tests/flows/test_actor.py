"""Who acts, as the ledger has it."""

import os
import pwd

import pytest

from flows.openers import actor

SAID = ("LOGNAME", "USER", "LNAME", "USERNAME")


def test_who_has_no_name_acts_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container a user often has none: that is no reason to refuse an undo."""

    def nameless(number: int) -> pwd.struct_passwd:
        raise KeyError(f"uid not found: {number}")

    for name in SAID:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nameless)

    assert actor() == f"user {os.getuid()}"


def test_the_environment_may_say_who_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the worker's manifest does."""
    monkeypatch.delenv("LOGNAME", raising=False)
    monkeypatch.setenv("USER", "pincex-worker")

    assert actor() == "pincex-worker"
