"""This judge beside the rules of others, and its own gates each held to what it claims."""

from collections.abc import Iterator

from benchmarks.judges import claims, scoreboard

SCALE = {False: 1, True: 5}


def rows(full: bool) -> Iterator[dict[str, object]]:
    """Every judge on every scenario, then every claim of every gate."""
    yield from scoreboard.rows(full)
    yield from claims.rows(SCALE[full])
