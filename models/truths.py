"""Labels put beside the pairs they belong to, whenever they arrive."""

from collections.abc import Iterable, Sequence

import polars as pl

from models.join import typed

WAITING, DROPPED = -1, -2


class Truths:
    """Where each request of a shadow stands in the table, and the first label it was given."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._early: dict[str, tuple[str, int]] = {}
        self._labels: list[str | None] = []
        self._labelled: list[int | None] = []
        self._contradictory = 0

    def unplaced(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Note the requests of these rows; rows of a request that has its place are left out."""
        new = [self._places.setdefault(one, WAITING) == WAITING for one in rows["id"]]
        return rows.filter(pl.Series(new, dtype=pl.Boolean))

    def drop(self, ids: Iterable[str]) -> None:
        """These requests get no place in the table."""
        for one in ids:
            self._places[one] = DROPPED
            self._early.pop(one, None)

    def place(self, ids: Sequence[str]) -> None:
        """These requests take the next places in the table."""
        start = len(self._labels)
        self._places.update(zip(ids, range(start, start + len(ids)), strict=True))
        for one in ids:
            label, at = self._early.pop(one, (None, None))
            self._labels.append(label)
            self._labelled.append(at)

    def take(self, labels: pl.DataFrame) -> None:
        """Note labels (`id`, `label`, `labelled_at`); the first of a request wins."""
        for one, label, at in labels.iter_rows():
            place = self._places.get(one, DROPPED)
            if place == WAITING:
                self._contradictory += self._early.setdefault(one, (label, at))[0] != label
            elif place != DROPPED and self._labels[place] is None:
                self._labels[place], self._labelled[place] = label, at
            elif place != DROPPED:
                self._contradictory += self._labels[place] != label

    def open(self, ids: pl.Series) -> pl.Series:
        """Which of these requests have no place yet, for good or at all."""
        return _flags(self._places.get(one, WAITING) == WAITING for one in ids)

    def known(self, ids: pl.Series) -> pl.Series:
        """Which of these requests were seen."""
        return _flags(one in self._places for one in ids)

    def label(self, pairs: pl.DataFrame, now: int, *, numbers: bool) -> tuple[pl.DataFrame, int]:
        """The pairs with the labels known by `now` (us), and how many labels were refused.

        Refused are labels that contradict an earlier one, that are older than their request, or
        that are texts where predictions are numbers.
        """
        told = pairs.with_columns(
            pl.Series("label", self._labels, dtype=pl.String),
            pl.Series("labelled_at", self._labelled, dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
        ).with_columns(typed(pl.col("label"), numbers=numbers))
        wrong = (pl.col("labelled_at") < pl.col("arrived_at")) | (
            pl.col("label").is_null() & pl.col("labelled_at").is_not_null()
        )
        refused = told.select(wrong.sum()).item() + self._contradictory
        known = ~wrong & (pl.col("labelled_at").to_physical() <= now)
        kept = [pl.when(known).then(pl.col(name)).alias(name) for name in ("label", "labelled_at")]
        return told.with_columns(*kept), refused


def _flags(values: Iterable[bool]) -> pl.Series:
    return pl.Series(list(values), dtype=pl.Boolean)
