"""What the gates read of a record: each pair by itself, or pairs counted in blocks.

Gates ask for events, for counts at their looks and for what had come at the end; whether a look
follows each pair or each block is not theirs to know.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from analysis.bets import Floats, Kinds, Trace
from analysis.blocks import Counts
from analysis.clock import Clock
from analysis.constant import Told
from analysis.frozen import Frozen
from analysis.late import Late
from analysis.policy import Gate
from analysis.quantiles import Quantile
from analysis.sides import Sided
from analysis.strays import Ends

Claim: TypeAlias = Literal["harm", "safety"]
Both: TypeAlias = "tuple[Quantile | None, Quantile | None]"


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean payoff over the pairs known (None without any); kinds of all, rounded either way."""

    value: float | None
    lower: Floats
    upper: Floats


@dataclass(frozen=True, slots=True)
class Losses:
    """Losses of the candidate less those of the baseline; each side's mean, where both are known.

    `why_not` says why a loss cannot be taken; empty where it can.
    """

    lower: Counts
    upper: Counts
    mean: Mean
    both: tuple[float, float] | None
    why_not: str


@dataclass(frozen=True, slots=True)
class Shift:
    """Counts of more, then of less, by thresholds or classes, over so many pairs."""

    names: tuple[str, ...]
    counts: Counts
    pairs: int


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows by each look: copies answered, copies never sent, unusable rows, rows of both arms."""

    answered: Kinds
    unsent: Kinds
    unusable: Kinds
    own: Kinds
    other: Kinds
    orphans: int


@dataclass(frozen=True, slots=True)
class Labelled:
    """One side: its name, its classes, pairs with a label and without of each class in turn."""

    name: str
    classes: tuple[str, ...]
    counts: Counts


@dataclass(frozen=True, slots=True)
class Part:
    """One segment: its name and weight, its looks, its pairs."""

    name: str
    weight: float
    clock: Clock
    sides: Sided
    n: int


@dataclass(frozen=True, slots=True)
class Predicted:
    """Whether any prediction of either side is there, and whether all are numbers.

    `alike` says that all of them, and all labels, are one and the same.
    """

    baseline: bool
    candidate: bool
    numbers: bool
    alike: bool


class Sample(Protocol):
    """A record, as gates read it: `n` pairs, `due` of them judged by label, `timely` labelled."""

    @property
    def n(self) -> int: ...
    @property
    def due(self) -> int: ...
    @property
    def timely(self) -> int: ...
    @property
    def known(self) -> int:
        """Pairs with a label in time, also those that wait for that of an earlier one."""

    @property
    def watermark_us(self) -> int: ...
    @property
    def arrival(self) -> Clock: ...
    @property
    def labels(self) -> Clock: ...
    @property
    def predicted(self) -> Predicted: ...
    @property
    def last_us(self) -> int:
        """When the last request or label came, be it in time or not."""

    @property
    def ends(self) -> Ends:
        """When the first and the last pairs came."""

    @property
    def timed(self) -> tuple[Told, Told]:
        """The latency of the candidate's answers and of the baseline's, if it never differs."""

    def errors(self) -> Sided:
        """Errors of both sides."""

    def over(self, gate: Gate, claim: Claim) -> Sided:
        """Answers over the limits of a gate, as one claim sees them."""

    def answers(self) -> Sided:
        """Wrong answers, on the clock of labels."""

    def different(self) -> Sided:
        """Different answers as if they were a bad candidate: known ones for harm."""

    def late(self, name: str) -> Late:
        """What a gate counts in each second of arrival."""

    def frozen(self, name: str) -> Frozen:
        """A past quantile of the baseline."""

    def quantiles(self, share: float, level: float) -> Both:
        """A quantile of latency of the candidate and of the baseline, each at this level."""

    def thresholds(self, gate: Gate) -> tuple[Floats, Counts]:
        """Thresholds in milliseconds; counts of b, then of c, for each."""

    def ratios(self, gate: Gate, claim: Claim) -> Counts:
        """Steps of the logarithm of the ratio of both latencies, as one claim sees them."""

    def mean_ratio(self) -> Mean:
        """The same as measured."""

    def beyond(self, gate: Gate, claim: Claim, level: float) -> Trace:
        """Evidence on the two p95s."""

    def losses(self, gate: Gate) -> Losses:
        """Losses of answers."""

    def shift(self) -> Shift:
        """How predictions are distributed, from the first rows after those that cut them."""

    def rows(self) -> Rows:
        """Whether rows are there and can be used."""

    def labelled(self, baseline: str) -> list[Labelled]:
        """Labels that came and that did not, by side and class of answers."""

    def parts(self, gate: Gate) -> Sequence[Part]:
        """The segments that a gate judges."""
