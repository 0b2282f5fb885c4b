"""A verdict as HTML: itself in a notebook, a whole page beside its evidence.

Plots are drawn by modules that are imported only when somebody looks.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.block_plan import BlockPlan
    from analysis.block_table import BlockTable
    from analysis.pair_sample import PairSample
    from analysis.read import Source
    from analysis.report_page import About
    from analysis.verdict import Verdict


def verdict_html(verdict: "Verdict") -> str:
    """The sentence, the table of gates and their plots, in the colours of the page around."""
    from analysis.report_page import notebook_view

    return notebook_view(verdict)


def page(
    verdict: "Verdict",
    pairs: "Source",
    policy_text: str | None = None,
    about: "About | None" = None,
) -> str:
    """One self-contained HTML file; `policy_text` is what the verdict was judged by.

    Without it the packaged default is meant. Raises BadInput as `judge` does, and where the pairs
    or the policy are not those of the verdict.
    """
    from analysis.errors import BadInput
    from analysis.report_page import About, whole_page

    sample, text = _sample(pairs, policy_text)
    judged = (verdict.pairs_digest, verdict.policy_digest)
    if (sample.pairs.digest, sample.policy.digest) != judged:
        raise BadInput(
            "these pairs or this policy are not those of the verdict",
            "give what the verdict was judged from",
        )
    return whole_page(verdict, sample, text, about or About())


def block_page(
    verdict: "Verdict",
    table: "BlockTable",
    plan: "BlockPlan",
    policy_text: str | None = None,
    about: "About | None" = None,
) -> str:
    """The same of pairs counted in blocks: what needs single pairs is named, and left out."""
    from analysis.errors import BadInput
    from analysis.policy_file import GATES, parse_policy
    from analysis.report_blocks import page_of_blocks
    from analysis.report_page import About

    text = Path(GATES).read_text("utf-8") if policy_text is None else policy_text
    judged = (verdict.pairs_digest, verdict.policy_digest, verdict.policy_digest)
    if (table.digest, plan.policy.digest, parse_policy(text).digest) != judged:
        raise BadInput(
            "this table, its plan or this policy are not those of the verdict",
            "give what the verdict was judged from",
        )
    return page_of_blocks(verdict, table, plan, text, about or About())


def judged_page(
    pairs: "Source", policy_text: str | None = None, about: "About | None" = None
) -> "tuple[Verdict, str]":
    """A verdict and its page at once, which takes less than one after the other."""
    from analysis.freed import give_back_freed_memory
    from analysis.judging import judge_sample
    from analysis.report_page import About, whole_page

    sample, text = _sample(pairs, policy_text)
    verdict = judge_sample(sample, live=False)
    # What draws has memory of its own, beside what the gates are done with.
    give_back_freed_memory()
    return verdict, whole_page(verdict, sample, text, about or About())


def _sample(pairs: "Source", policy_text: str | None) -> "tuple[PairSample, str]":
    """The pairs under their policy, and its text."""
    from analysis.pair_sample import pair_sample
    from analysis.policy_file import GATES, parse_policy
    from analysis.read import read_pairs

    text = Path(GATES).read_text("utf-8") if policy_text is None else policy_text
    return pair_sample(read_pairs(pairs), parse_policy(text)), text
