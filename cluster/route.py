"""Who answers a component's requests, and who gets copies of them: the same on every site."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster.errors import Refused

# No "--": it separates component and version in the names of the proxy's clusters.
NAME = re.compile(r"(?!.*--)[A-Za-z0-9][A-Za-z0-9._+-]{0,62}")


@dataclass(frozen=True, slots=True)
class Mirror:
    """Copies of a `fraction` (0 to 1) of the requests to `version`, for the rollout named."""

    version: str
    fraction: float
    rollout_id: str


@dataclass(frozen=True, slots=True)
class Calls:
    """What the requests of a component allow, and the paths they come to; none: those of a model.

    Only idempotent ones may be sent twice, only mirrorable ones copied, and where a single
    instance acts none may be divided between two versions.
    """

    paths: tuple[str, ...]
    idempotent: bool
    mirrorable: bool
    single: bool


PREDICTIONS = Calls((), idempotent=True, mirrorable=True, single=False)


@dataclass(frozen=True, slots=True)
class Route:
    """Share of a component's traffic by version, in percent; `version_info` names what was read.

    A route to be set carries an empty `version_info`. Where it is `observed` for a rollout, the
    site keeps a line about each answer.
    """

    weights: Mapping[str, int]
    mirror: Mirror | None = None
    version_info: str = field(default="", compare=False)
    calls: Calls = PREDICTIONS
    observed: str | None = None

    def __post_init__(self) -> None:
        """Refuse weights that do not make a whole, copies of nothing, and what calls forbid."""
        shares = self.weights.values()
        if sum(shares) != 100 or min(shares) < 0:
            raise Refused(f"weights must be at least 0 and sum to 100, not {dict(self.weights)}")
        if self.mirror is not None and not 0 < self.mirror.fraction <= 1:
            raise Refused(f"a mirror copies more than 0 and at most 1, not {self.mirror.fraction}")
        if self.mirror is not None and not self.calls.mirrorable:
            raise Refused("these requests are not mirrorable: a copy would be executed, too")
        if self.calls.single and max(shares) < 100:
            raise Refused(
                f"a single instance is handed over, never weighted: not {dict(self.weights)}"
            )

    @property
    def versions(self) -> frozenset[str]:
        """The versions that this route needs alive."""
        serving = {version for version, share in self.weights.items() if share > 0}
        return frozenset(serving | ({self.mirror.version} if self.mirror else set()))

    def require_unnamed(self, component: str, version: str) -> None:
        """Refused where the end of a version would cost requests, or copies of them."""
        if version in self.versions:
            copies = " and copies" if self.mirror and self.mirror.version == version else ""
            raise Refused(
                f"{component} {version} gets {self.weights.get(version, 0)} % of the traffic"
                f"{copies}; nothing was changed"
            )


def require_name(name: str) -> str:
    """A component's, version's or rollout's name that fits into files, headers and clusters."""
    if NAME.fullmatch(name) is None:
        raise Refused(
            f"{name!r} cannot be a name: letters, digits and . _ + - (no --), at most 63, the"
            " first a letter or digit"
        )
    return name
