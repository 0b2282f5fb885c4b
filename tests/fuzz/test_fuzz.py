"""Mutated input of every kind: refused with a sentence, or taken; never a traceback.

The same strategies in thousands of cases: `python -m benchmarks fuzz --full`.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import fuzz_argv, fuzz_http, fuzz_server
from benchmarks.fuzz import SURFACES, with_pairs
from benchmarks.fuzz_cases import Bench, Case
from flows.cli import VERBS

FEW = {
    "command line": 120,
    "policies": 60,
    "pair files": 80,
    "applications": 80,
    "label files": 60,
    "site files": 50,
}
QUICK = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A site at rest on which all cases are run."""
    return with_pairs(Bench(tmp_path_factory.mktemp("fuzz") / "bench"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fuzz_server.Server]:
    """A real model server."""
    with fuzz_server.server(tmp_path_factory.mktemp("fuzz") / "server") as running:
        yield running


def test_every_verb_is_tried() -> None:
    """A verb that the strategies do not know would end them by an error of their own, seldom."""
    assert set(fuzz_argv.WHOLE) == set(VERBS)


@pytest.mark.parametrize("surface", FEW)
def test_no_input_breaks_a_command(bench: Bench, surface: str) -> None:
    """Nonsense leaves with exit code 2, the words of the contract, and everything as it was."""

    @settings(max_examples=FEW[surface], **QUICK)
    @given(SURFACES[surface])
    def each(case: Case) -> None:
        assert bench.check(case) == []

    each()


def test_nonsense_in_a_process_of_its_own(bench: Bench) -> None:
    """The same with the bytes of a real command line and real streams."""

    @settings(max_examples=8, **QUICK)
    @given(st.one_of(*SURFACES.values()).filter(lambda case: case.nonsense is not None))
    def each(case: Case) -> None:
        assert bench.check_process(case) == []

    each()


def test_no_request_breaks_the_server(server: fuzz_server.Server) -> None:
    """Nonsense gets 4xx, the next good request its answer, and every row and label is whole."""

    @settings(max_examples=300, **QUICK)
    @given(fuzz_http.requests())
    def each(request: Any) -> None:
        assert server.check(request) == []

    each()

    assert server.end() == []
