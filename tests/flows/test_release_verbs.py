"""`deploy` and `rollback` before anything runs: the plan, and what is refused by name."""

from pathlib import Path

import pytest
from cli_parts import Cli

BROKEN = {
    "no such file": (None, "there is no application"),
    "not TOML": ("[application\n", "own.toml is not TOML"),
    "not UTF-8": (b"\xff\xfe", "own.toml is not UTF-8"),
    "an unknown key": ('[application]\nnme = "x"\n', "own.toml, line 2: application.nme: there is"),
    "an image alone": (
        '[application]\nname = "x"\n[component.a]\nimage = "a:1"\npaths = ["/a"]\n',
        "a has an image and no command",
    ),
    "no paths": (
        '[application]\nname = "x"\n[component.a]\ncommand = ["a", "{port}"]\n',
        "a has no paths",
    ),
    "a step with a port": (
        '[application]\nname = "x"\n[component.a]\ncommand = ["a", "{port}"]\npaths = ["/a"]\n'
        '[[component.a.release_steps]]\nname = "grow"\ncommand = ["grow", "{port}"]\n',
        "a: its release step grow has no {port}",
    ),
}


@pytest.mark.parametrize(("content", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_an_application_that_does_not_fit_is_bad_input(
    cli: Cli, content: str | bytes | None, said: str
) -> None:
    """Exit code 2 with the file, the line and the key; no site is made for it."""
    if content is not None:
        raw = content if isinstance(content, bytes) else content.encode()
        Path("own.toml").write_bytes(raw)
    ran = cli("deploy", "v1.0.0", "--application", "own.toml", "--json")

    assert ran.code == 2
    assert said in ran.report["error"]
    assert ran.report["changed"] == "Nothing was changed."
    assert not cli.home.exists()


def test_a_plan_says_what_would_be_done_in_which_order_and_for_how_long(cli: Cli) -> None:
    """Steps and durations for services, hand-over for the single one, models left alone."""
    ran = cli("deploy", "v1.1.0", "--plan", "--rate", "100")
    shown = ran.out.splitlines()

    assert ran.code == 0
    assert [line.split()[0] for line in shown[1:-2] if not line.startswith(" ")] == [
        *("market-data", "order-entry", "settlement", "ml-service"),
    ]
    assert "    5 % of requests: at least 2 min and 729 requests, then judged" in shown
    assert "  100 % of requests: at least 10 s and 540 requests, then judged" in shown
    assert sum("hand over: all requests" in line for line in shown) == 1
    assert "  a model: unchanged; pincex deploy-model price-predictor VERSION" in shown
    assert shown[-2] == "requests are divided by weights of the proxy"
    assert max(map(len, shown)) <= 80
    assert not cli.home.exists()


def test_a_plan_marks_a_step_that_so_few_requests_would_leave_undecided(cli: Cli) -> None:
    """It is undone at its deadline, which is said before anything begins."""
    shown = cli("deploy", "v1.1.0", "--plan", "--rate", "10").out.splitlines()

    assert "    5 % of requests: at least 24 min and 729 requests; undone after 15 min" in shown
    assert "   20 % of requests: at least 6 min and 729 requests, then judged" in shown
    assert max(map(len, shown)) <= 80


def test_the_site_s_own_application_comes_before_the_sample(cli: Cli) -> None:
    """What stands in its directory is what it consists of."""
    cli.home.mkdir()
    own = '[application]\nname = "x"\n[component.a]\ncommand = ["a", "{port}"]\npaths = ["/a"]\n'
    (cli.home / "application.toml").write_text(own)

    assert cli("deploy", "v1.0.0", "--plan", "--json").report["order"] == ["a"]


@pytest.mark.parametrize("rate", ["0", "-1", "nan"])
def test_a_rate_that_is_none_is_bad_input(cli: Cli, rate: str) -> None:
    """Durations need requests."""
    ran = cli("deploy", "v1.0.0", "--plan", "--rate", rate, "--json")

    assert ran.code == 2
    assert "is no rate" in ran.report["error"]


def test_there_is_nothing_to_roll_back_without_a_site(cli: Cli) -> None:
    """And none is made to find that out."""
    assert cli("rollback", "--json").code == 1
    assert not cli.home.exists()
