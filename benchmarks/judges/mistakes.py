"""Errors to plant into the formulas of the gates, each of which some claim must notice."""

from benchmarks.judges.answer_mistakes import ANSWER_MISTAKES
from benchmarks.judges.error_mistakes import ERROR_MISTAKES
from benchmarks.judges.latency_mistakes import LATENCY_MISTAKES
from benchmarks.judges.split_mistakes import SPLIT_MISTAKES

PLANTED = (*ERROR_MISTAKES, *LATENCY_MISTAKES, *ANSWER_MISTAKES, *SPLIT_MISTAKES)
