"""Counters as they were scraped: pairs of a time (epoch seconds) and a value, oldest first."""

from collections.abc import Iterator, Sequence

Samples = Sequence[tuple[float, float]]


def growths(samples: Samples, since: float) -> Iterator[tuple[float, float]]:
    """When a counter was seen to have grown after a moment, and by how much.

    One that falls began again at nothing; one that was born after the moment did so, too.
    """
    last = 0.0
    for at, value in samples:
        if at > since:
            yield at, value - last if value >= last else value
        last = value


def grown(samples: Samples, since: float) -> int:
    """By how much a counter grew after a moment."""
    return round(sum(added for _, added in growths(samples, since)))


def still(series: Sequence[Samples], since: float) -> float | None:
    """From the last growth after a moment, or from the moment, to the last sample of all (s).

    A series that was born since grew when it was first seen. None where there is no sample.
    """
    newest = [samples[-1][0] for samples in series if samples]
    if not newest:
        return None
    grew = [at for samples in series for at, added in growths(samples, since) if added]
    return min(newest) - max(grew, default=since)
