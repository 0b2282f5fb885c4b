"""`calibrate`: an A/A window in, the drift table of a policy out."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.refusal import Exit, bad_input

if TYPE_CHECKING:
    from analysis import Calibration, Dependence


def calibrate(options: argparse.Namespace) -> tuple[int, dict[str, Any], str]:
    """Learn how two hosts with one version drift; 4 where the window is too short to rely on."""
    from analysis import calibrate as learned
    from analysis import calibrate_answers, in_blocks

    found = learned(Path(options.pairs))
    if found is None:
        raise bad_input(
            f"{options.pairs} holds no two minutes with latencies of both sides",
            "shadow a copy of the champion for three hours, and give its pairs",
        )
    report = {"usable": not found.trouble, "reason": found.trouble, **numbers(found)}
    report |= {"envelope": round(found.envelope, 6), "policy": table_of(found)}
    said = text_of(found)
    # Counts by blocks do not know the order in which labels came.
    answers = None if in_blocks(Path(options.pairs)) else calibrate_answers(Path(options.pairs))
    report["answers"] = None
    if answers is not None:
        table = "" if answers.trouble else dependence_table(answers)
        report["answers"] = {"tau": answers.tau, "window": answers.window, "policy": table}
        report["answers"] |= {"usable": not answers.trouble, "reason": answers.trouble}
        said = f"{said}\n\n{answers_text(answers)}"
    return Exit.HELD if found.trouble else Exit.DONE, report, said


def numbers(found: "Calibration") -> dict[str, Any]:
    """What a policy needs, with six significant digits; the time in UTC."""
    from analysis.clock import iso

    told = {
        "window": found.window,
        "block": found.block,
        "rms": found.rms,
        "minute_rms": found.minute_rms,
        "rho": found.rho,
        "tau": found.tau,
    }
    rounded = {name: float(f"{value:.6g}") for name, value in told.items()}
    return {"until": iso(found.until_us), **rounded}


def table_of(found: "Calibration") -> str:
    """The table for a policy file."""
    lines = [f"{name} = {value}" for name, value in numbers(found).items()]
    return "\n".join(["[drift]", 'kind = "calibrated"', *lines]) + "\n"


def text_of(found: "Calibration") -> str:
    """What was learned, and what to do with it."""
    from analysis.words import percent, seconds_words

    first = f"hosts with one version differ by at most {percent(found.envelope)}"
    if found.trouble:
        first = f"not to be relied on: {found.trouble}"
    why = (
        f"latency of {seconds_words(found.block)} differs by {percent(found.rms)} (root mean "
        f"square) in {seconds_words(found.window)}, times {found.factor:g}; it wanders within "
        f"{seconds_words(found.tau)}"
    )
    end = "Shadow a copy of the champion for longer, without a gap."
    if not found.trouble:
        end = f"For the policy of what is shadowed on these hosts from now on:\n\n{table_of(found)}"
    return f"{first}\n{why}\n{end}".rstrip()


def dependence_table(found: "Dependence") -> str:
    """The table of a policy that knows how long answers hang together."""
    from analysis.clock import iso

    return (
        f'[dependence]\nkind = "calibrated"\nuntil = {iso(found.until_us)}\n'
        f"window = {found.window}\ntau = {float(f'{found.tau:.6g}')}\n"
    )


def answers_text(found: "Dependence") -> str:
    """What the champion's errors say, by the packaged rule of what is right."""
    if found.trouble:
        return f"answers: {found.trouble}"
    if found.block is None:
        return f"answers: the champion's {found.window:,} labelled errors come as by chance"
    return (
        f"answers: the champion's errors hang together for some {found.tau:.3g} labelled pairs; "
        f"in {found.window:,} there are {found.window // found.block:,} blocks that tell "
        f"something. For the policy:\n\n{dependence_table(found)}"
    ).rstrip()
