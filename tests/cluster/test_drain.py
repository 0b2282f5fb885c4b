"""A version is ended once its counters stand still: whoever answers as a Prometheus says when."""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from cluster.kubernetes import drain
from cluster.kubernetes.drain import Drain
from cluster.lock import Lock
from cluster.prometheus import Metrics, Prometheus

STILL, SCRAPED = 0.5, 0.1
# What a machine with other things to do may take beside.
BUSY = 15
Counter = Callable[[float], float | None]
"""Requests so far, by the seconds since the route was changed; None where nobody counts."""


@contextmanager
def scraped(counter: Counter, moved: datetime) -> Iterator[str]:
    """A server that keeps a sample of the counter for every tenth of a second."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            (query,) = parse_qs(urlsplit(self.path).query)["query"]
            now = (datetime.now(UTC) - moved).total_seconds()
            ticks = range(-100, int(now / SCRAPED))
            taken = [(tick * SCRAPED, counter(tick * SCRAPED)) for tick in ticks]
            seen = [[moved.timestamp() + at, str(v)] for at, v in taken if v is not None]
            series = {"metric": {"status": "200"}, "values": seen, "value": seen[-1:]}
            kept = {"values" if query.endswith("s]") else "value", "metric"}
            result = [{key: series[key] for key in kept}] if seen else []
            body = json.dumps({"status": "success", "data": {"result": result}}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *told: object) -> None:
            """Nothing on the screen."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, bool]]:
    """Drain a version under a lease, with a drain time of half a second."""
    monkeypatch.setattr(drain, "DRAIN", STILL)
    monkeypatch.setattr(drain, "READING", 0.05)
    lease = Lock(tmp_path / "ledger.db").acquire("shop", "eu", "rollback by ann", 60)

    def wait(url: str, moved: datetime, within: float = 60.0) -> tuple[str, bool]:
        counters = Prometheus(Metrics(url))
        one = Drain(counters, "prices", "v1.0.0", moved, within, lambda: datetime.now(UTC))
        drained = one.wait(lease)
        return drained.said, drained.asked

    return wait


@pytest.mark.parametrize(
    ("obeys_after", "least"),
    [(-1.0, STILL), (1.5, 1.5 + STILL)],
    ids=["a gateway that obeys", "a gateway that is late"],
)
def test_it_is_ended_once_its_requests_have_stood_still(
    waiting: Callable[..., tuple[str, bool]], obeys_after: float, least: float
) -> None:
    """Not before the last request and the drain time after it, however late a gateway obeys."""
    moved = datetime.now(UTC)

    with scraped(lambda at: round(100 * min(at, obeys_after)), moved) as url:
        told = waiting(url, moved)

    took = (datetime.now(UTC) - moved).total_seconds()
    assert told == ("no request came for 0.5 s", False)
    assert least <= took < least + BUSY


def test_a_gateway_that_never_obeys_holds_it_up_for_a_bounded_time(
    waiting: Callable[..., tuple[str, bool]],
) -> None:
    """It is ended all the same, and that requests were still coming is said."""
    moved = datetime.now(UTC)

    with scraped(lambda at: round(100 * at), moved) as url:
        told = waiting(url, moved, within=1.5)

    assert told == (
        "requests still came 1.5 s after its route was changed, or were not scraped;"
        " it was ended all the same",
        True,
    )
    assert 1.5 <= (datetime.now(UTC) - moved).total_seconds() < 1.5 + BUSY


@pytest.mark.parametrize("counts", [True, False], ids=["no series", "no server"])
def test_where_nobody_counts_it_is_ended_after_the_drain_time_and_that_is_said(
    waiting: Callable[..., tuple[str, bool]], counts: bool
) -> None:
    """Not at once, as a scrape may just have failed; and never as if it had been seen."""
    moved = datetime.now(UTC) - timedelta(seconds=1)
    begun = time.monotonic()

    with scraped(lambda at: None, moved) as url:
        said, asked = waiting(url if counts else "http://127.0.0.1:9", moved)

    why = "nobody counts its requests" if counts else "the metrics at http://127.0.0.1:9 cannot"
    assert said.startswith(why)
    assert said.endswith("so its pods served on for 0.5 s")
    assert not asked
    assert time.monotonic() - begun >= STILL
