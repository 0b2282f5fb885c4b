"""An error to plant into the formula of a gate, which some claim must notice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Planted:
    """An error: what it is, the module it is in, the text that it replaces and what by."""

    gate: str
    what: str
    module: str
    old: str
    new: str
