"""The statistical judge: pairs of answers in, a verdict out that holds however often one looks.

Pure: arrays and tables in, immutable values out. No clock, environment, network or log
enters here, and `try` only to tell whose input is bad. `read.py`, `lines.py`, `parts.py`,
`row_groups.py`, `file_order.py` and `policy_file.py` alone open files.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.answer_time import calibrate_answers
    from analysis.block_plan import BlockPlan
    from analysis.block_table import BlockTable, table_from, union
    from analysis.calibration import calibrate
    from analysis.dependence import Dependence
    from analysis.envelope import Calibration
    from analysis.errors import BadInput
    from analysis.findings import Finding, Outcome
    from analysis.forecasts import Forecast, forecast
    from analysis.judging import judge, judge_blocks, judge_stream
    from analysis.metadata import METADATA_KEYS, SCHEMA_VERSION
    from analysis.pages import block_page, judged_page, page
    from analysis.pairs import PAIR_SCHEMA, Pairs
    from analysis.parts import FilePart, in_parts, plan_for, table_of
    from analysis.planning import Traffic, plan, seen_in
    from analysis.policy import JudgePolicy
    from analysis.policy_file import default_policy, parse_policy, read_policy
    from analysis.read import in_blocks, read_pairs, read_record
    from analysis.read_blocks import count_blocks
    from analysis.report_page import About
    from analysis.requests import REQUEST_SCHEMA, Requests
    from analysis.stream import plan_stream, table_of_stream
    from analysis.verdict import NotPassed, Verdict
    from analysis.version import CODE_VERSION

__all__ = [
    "CODE_VERSION",
    "METADATA_KEYS",
    "PAIR_SCHEMA",
    "REQUEST_SCHEMA",
    "SCHEMA_VERSION",
    "About",
    "BadInput",
    "BlockPlan",
    "BlockTable",
    "Calibration",
    "Dependence",
    "FilePart",
    "Finding",
    "Forecast",
    "JudgePolicy",
    "NotPassed",
    "Outcome",
    "Pairs",
    "Requests",
    "Traffic",
    "Verdict",
    "block_page",
    "calibrate",
    "calibrate_answers",
    "count_blocks",
    "default_policy",
    "forecast",
    "in_blocks",
    "in_parts",
    "judge",
    "judge_blocks",
    "judge_stream",
    "judged_page",
    "page",
    "parse_policy",
    "plan",
    "plan_for",
    "plan_stream",
    "read_pairs",
    "read_policy",
    "read_record",
    "seen_in",
    "table_from",
    "table_of",
    "table_of_stream",
    "union",
]

# Where each name lives: it is imported when it is first used, because a command that only reads a
# policy must not pay for tables and arrays.
_HOMES = {
    "About": "report_page",
    "BadInput": "errors",
    "BlockTable": "block_table",
    "block_page": "pages",
    "Calibration": "envelope",
    "calibrate": "calibration",
    "calibrate_answers": "answer_time",
    "count_blocks": "read_blocks",
    "Dependence": "dependence",
    "FilePart": "parts",
    "CODE_VERSION": "version",
    "Finding": "findings",
    "Forecast": "forecasts",
    "JudgePolicy": "policy",
    "METADATA_KEYS": "metadata",
    "NotPassed": "verdict",
    "Outcome": "findings",
    "PAIR_SCHEMA": "pairs",
    "Pairs": "pairs",
    "BlockPlan": "block_plan",
    "REQUEST_SCHEMA": "requests",
    "Requests": "requests",
    "SCHEMA_VERSION": "metadata",
    "Verdict": "verdict",
    "default_policy": "policy_file",
    "forecast": "forecasts",
    "in_blocks": "read",
    "in_parts": "parts",
    "judge": "judging",
    "judge_blocks": "judging",
    "judge_stream": "judging",
    "judged_page": "pages",
    "page": "pages",
    "parse_policy": "policy_file",
    "read_pairs": "read",
    "read_record": "read",
    "plan": "planning",
    "plan_for": "parts",
    "plan_stream": "stream",
    "read_policy": "policy_file",
    "seen_in": "planning",
    "Traffic": "planning",
    "table_from": "block_table",
    "table_of": "parts",
    "table_of_stream": "stream",
    "union": "block_table",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    return getattr(import_module(f"analysis.{_HOMES[name]}"), name)
