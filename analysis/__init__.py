"""The statistical judge: pairs of answers in, a verdict out that holds however often one looks.

Pure: arrays and tables in, immutable values out. No clock, environment, network, log or `try`
enters here; `analysis/read.py` alone opens files.
"""

from analysis.errors import BadInput
from analysis.findings import Finding, Outcome
from analysis.forecast import Forecast, forecast
from analysis.judging import judge
from analysis.metadata import METADATA_KEYS, SCHEMA_VERSION
from analysis.pairs import PAIR_SCHEMA, Pairs
from analysis.policy import JudgePolicy
from analysis.read import default_policy, parse_policy, read_pairs, read_policy
from analysis.verdict import NotPassed, Verdict
from analysis.version import CODE_VERSION

__all__ = [
    "CODE_VERSION",
    "METADATA_KEYS",
    "PAIR_SCHEMA",
    "SCHEMA_VERSION",
    "BadInput",
    "Finding",
    "Forecast",
    "JudgePolicy",
    "NotPassed",
    "Outcome",
    "Pairs",
    "Verdict",
    "default_policy",
    "forecast",
    "judge",
    "parse_policy",
    "read_pairs",
    "read_policy",
]
