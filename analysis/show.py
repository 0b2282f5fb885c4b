"""A verdict as HTML: itself in a notebook, a whole page beside its evidence.

Plots are drawn by modules that are imported only when somebody looks.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    from analysis.policy_file import GATES, parse_policy
    from analysis.read import read_pairs
    from analysis.report_page import About, whole_page

    text = Path(GATES).read_text("utf-8") if policy_text is None else policy_text
    read, policy = read_pairs(pairs), parse_policy(text)
    if (read.digest, policy.digest) != (verdict.pairs_digest, verdict.policy_digest):
        raise BadInput(
            "these pairs or this policy are not those of the verdict",
            "give what the verdict was judged from",
        )
    return whole_page(verdict, read, policy, text, about or About())
