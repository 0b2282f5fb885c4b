"""The statistical judge: pairs of answers in, a verdict out that holds however often one looks.

Pure: arrays and tables in, immutable values out. No clock, environment, network, log or `try`
enters here; `analysis/read.py` and
`analysis/policy_file.py` alone open files.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.errors import BadInput
    from analysis.findings import Finding, Outcome
    from analysis.forecasts import Forecast, forecast
    from analysis.judging import judge
    from analysis.metadata import METADATA_KEYS, SCHEMA_VERSION
    from analysis.pairs import PAIR_SCHEMA, Pairs
    from analysis.planning import Stream, plan, seen_in
    from analysis.policy import JudgePolicy
    from analysis.policy_file import default_policy, parse_policy, read_policy
    from analysis.read import read_pairs
    from analysis.report_page import About
    from analysis.show import page
    from analysis.verdict import NotPassed, Verdict
    from analysis.version import CODE_VERSION

__all__ = [
    "CODE_VERSION",
    "METADATA_KEYS",
    "PAIR_SCHEMA",
    "SCHEMA_VERSION",
    "About",
    "BadInput",
    "Finding",
    "Forecast",
    "JudgePolicy",
    "NotPassed",
    "Outcome",
    "Pairs",
    "Stream",
    "Verdict",
    "default_policy",
    "forecast",
    "judge",
    "page",
    "parse_policy",
    "plan",
    "read_pairs",
    "read_policy",
    "seen_in",
]

# Where each name lives: it is imported when it is first used, because a command that only reads a
# policy must not pay for tables and arrays.
_HOMES = {
    "About": "report_page",
    "BadInput": "errors",
    "CODE_VERSION": "version",
    "Finding": "findings",
    "Forecast": "forecasts",
    "JudgePolicy": "policy",
    "METADATA_KEYS": "metadata",
    "NotPassed": "verdict",
    "Outcome": "findings",
    "PAIR_SCHEMA": "pairs",
    "Pairs": "pairs",
    "SCHEMA_VERSION": "metadata",
    "Verdict": "verdict",
    "default_policy": "policy_file",
    "forecast": "forecasts",
    "judge": "judging",
    "page": "show",
    "parse_policy": "policy_file",
    "read_pairs": "read",
    "plan": "planning",
    "read_policy": "policy_file",
    "seen_in": "planning",
    "Stream": "planning",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    return getattr(import_module(f"analysis.{_HOMES[name]}"), name)
