"""`pincex calibrate`: a table for a policy, or why the window is too short for one."""

import numpy as np
import pytest
from cli_parts import Cli

from analysis import parse_policy
from benchmarks.hosts import Hosts

NAME = "copy.parquet"


def shadow(minutes: int) -> None:
    """Pairs of a champion and a copy of it, on hosts that hardly wander."""
    hosts = Hosts(rate=2.0, minutes=minutes, cv=0.02, rho=0.1)
    hosts.pairs(np.random.default_rng(11)).write_parquet(NAME)


@pytest.mark.parametrize(("minutes", "code"), [(75, 0), (20, 4), (1, 2)])
def test_the_exit_code_says_whether_it_can_be_relied_on(cli: Cli, minutes: int, code: int) -> None:
    """An hour and a quarter is enough here, twenty minutes are not, one is no window."""
    shadow(minutes)

    assert cli("calibrate", NAME, "--json").code == code


def test_what_is_printed_is_the_policy_of_what_comes_next(cli: Cli) -> None:
    """The table parses, and holds what was learned."""
    shadow(75)

    report = cli("calibrate", NAME, "--json").report

    found = parse_policy(str(report["policy"])).drift.calibration
    assert found is not None
    assert found.envelope == pytest.approx(report["envelope"], rel=1e-4)
    assert (found.factor, found.trouble) == (4.0, "")
