"""Passwords and keys in what others wrote: blanked where it is quoted, found before it is kept."""

import re

BLANK = "***"

ACCESS_KEY = r"(?:api|access|secret|private|account)[_-]?key"
KEY = rf"(?:password|passwd|passphrase|secret|token|{ACCESS_KEY})"
SAID_KEY = rf"(?:password|passwd|passphrase|[_-](?:secret|token)|{ACCESS_KEY})"
"""What is a key before a colon, too: of a secret or a token there people say what became of it."""
VALUE = (
    r"(?P<value>\*{3}(?!\w)|\$\{[^}\s]*\}|\"(?:[^\"\\]|\\.)+\"|'[^']+'"
    r"|[^\s&]*[^\s&'\"),;:\]}.])"
)
# A URL that was read as a path has lost one slash; a password may hold slashes, a port does not.
URL = re.compile(
    r"(?<=:/)(?P<key>/{0,9})"
    r"(?:[^/\s'\"@:\[]*:(?!\d+(?:[/?#]|$))(?P<value>[^\s'\"]{1,400})|[^/\s'\"]*)@"
)
NAMED = (
    rf"(?P<key>{KEY} ?= ?){VALUE}",
    rf"(?P<key>(?<![\w-])--?[\w-]*{KEY}\s+)(?!-){VALUE}",
    rf"(?P<key>{KEY}\\?[\"']\s*:\s*){VALUE}",
    rf"(?P<key>{SAID_KEY}: ?)(?!\?){VALUE}",
    # In a shell PWD is the working directory.
    rf"(?P<key>\bpwd=)(?!/){VALUE}",
    r"(?P<key>authorization\\?[\"']?\s*[:=]\s*\\?[\"']?)(?P<value>(?:\w+ +)?[^\s'\"\\]+)",
    r"(?P<key>\bbearer +)(?P<value>(?=[\w.~+/=-]*\d)[\w.~+/=-]{8,})",
    r"(?P<key>\b)(?P<value>(?:AKIA|ASIA)[A-Z0-9]{16}\b)",
)
FORMS = [re.compile(form, re.IGNORECASE) for form in NAMED]
ELSEWHERE = re.compile(
    r"\$\w+|\$\{\w+(?::\?.*)?\}?|\$\(.*|\{\w+\}?|%\w+%|<[^>]*>?|\*+|@?(?:/[\w.-]+){2,}"
)
"""What stands for a value: a variable, a command, a placeholder, a file; a `}` may be cut off."""


def redacted(text: str) -> str:
    """The text without the users and passwords of URLs, and with named passwords and keys blanked.

    To be asked before anything is cut off: half a URL shows nobody where its password begins.
    """
    text = URL.sub(r"\g<key>", text)
    for form in FORMS:
        text = form.sub(rf"\g<key>{BLANK}", text)
    return text


def holds_credentials(text: str) -> bool:
    """Whether a password or key itself stands in the text, not what is to be filled in for it."""
    return any(
        value is not None and not ELSEWHERE.fullmatch(value.strip("\"'"))
        for form in (URL, *FORMS)
        for found in form.finditer(text)
        if (value := found["value"])
    )
