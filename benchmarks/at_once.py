"""`python -m benchmarks.at_once VERB ...`: a command that waits, loaded, for a byte on its stdin.

Two of them that are told at once begin within a millisecond, which two processes do not. The verb
`foreign-alias NAME ALIAS VERSION` is somebody who uses MLflow itself.
"""

import sys

from flows.cli import main
from flows.site import site


def move_alias(name: str, alias: str, version: str) -> int:
    """Move an alias through MLflow's REST API, as its pages do."""
    rest = site("local").registry.rest
    found = rest.get("registered-models/alias", name=name, alias=alias)
    number = site("local").registry.version(name, version).number
    sys.stdin.read(1)
    body = {"name": name, "alias": alias, "version": str(number)}
    rest.post("registered-models/alias", body)
    print(f'{{"from": "{found["model_version"]["version"]}", "to": "{number}"}}')
    return 0


def commanded(words: list[str]) -> int:
    """The command line, when told."""
    sys.stdin.read(1)
    return main(words)


if __name__ == "__main__":
    print("loaded", file=sys.stderr, flush=True)
    if sys.argv[1] == "foreign-alias":
        sys.exit(move_alias(*sys.argv[2:5]))
    sys.exit(commanded(sys.argv[1:]))
