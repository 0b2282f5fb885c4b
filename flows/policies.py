"""Which policy holds: the one that was named, the site's own, or the packaged one."""

from pathlib import Path
from typing import TYPE_CHECKING

from analysis import BadInput
from flows.refusal import bad_input
from rollout.policy import default_policy_text, parse

if TYPE_CHECKING:
    from flows.site import Site


BYTE_ORDER_MARK = "\ufeff"


def policy_text(here: "Site", given: str | None) -> str:
    """The policy named on the command line, else the site's own, else the packaged one."""
    path = here.settings / "policy.toml" if given is None else Path(given)
    if given is None and not path.exists():
        return default_policy_text(one_machine=here.one_machine)
    return policy_file(path)


def require_no_mark(text: str, path: Path) -> None:
    """Bad input where an editor put a sign before the text that nobody sees, and TOML forbids."""
    if text.startswith(BYTE_ORDER_MARK):
        raise bad_input(f"{path} begins with a byte-order mark", "save it as UTF-8 without one")


def policy_file(path: Path) -> str:
    """The text of a policy that can be held to; what cannot is bad input, and names the file."""
    if not path.is_file():
        raise bad_input(f"there is no policy {path}", "--policy FILE names a TOML file")
    try:
        text = path.read_text(encoding="utf-8")
        require_no_mark(text, path)
        parse(text)
    except UnicodeDecodeError as error:
        raise bad_input(f"{path} is not UTF-8: {error}", "a policy is UTF-8 TOML") from error
    except OSError as error:
        raise bad_input(f"{path} cannot be read: {error.strerror}", "a readable file") from error
    except BadInput as error:
        raise bad_input(f"{path}: {error.message}", error.hint) from error
    return text
