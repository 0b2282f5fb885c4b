"""The model server's application: /predict, /labels, /healthz, /readyz, /metrics."""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import orjson

from models.body import BadBody, parse_json, read_features
from models.errors import BadLabels, ModelFailure
from models.gauges import Gauges
from models.http import (
    LONGEST_ID,
    Answer,
    Headers,
    Receive,
    Scope,
    Send,
    problem,
    read_body,
    read_headers,
    respond,
)
from models.inputs import Inputs
from models.labels import append_labels, parse_labels
from models.loading import Predictor
from models.rows import Rows, Ticket
from models.signature import Feature

THREADS = 32
"""A model that sleeps or waits holds a thread, never the loop."""

LONGEST_ANSWER = 30.0
"""Seconds after which a prediction is given up: one that hangs would never leave a row."""

WARM_UP_SECONDS = 3.0
LARGEST_REQUEST = 2**20
LARGEST_LABELS = 16 * 2**20

log = logging.getLogger("models.server")


class Application:
    """The ASGI application of one version; not ready until it is given its predictor."""

    def __init__(
        self, version: str, gauges: Gauges, rows: Rows, inputs: Inputs, labels: Path
    ) -> None:
        self.predictor: Predictor | None = None
        self._version = version
        self._gauges = gauges
        self._rows = rows
        self._inputs = inputs
        self._labels = labels
        self._losing = False
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="predict")
        self._pages: dict[str, tuple[str, Callable[[Receive], Awaitable[Answer]]]] = {
            "/labels": ("POST", self._take_labels),
            "/healthz": ("GET", self._live),
            "/readyz": ("GET", self._ready),
            "/metrics": ("GET", self._metrics),
        }

    def serve(self, predictor: Predictor, values: Sequence[float | str | bool]) -> None:
        """Start to answer, after the threads that will answer have all run the model once."""
        together = threading.Barrier(THREADS)

        def ask() -> None:
            together.wait(WARM_UP_SECONDS)
            predictor.predict(values)

        # What they raise is not looked at: the model was loaded and has answered before.
        wait([self._threads.submit(ask) for _ in range(THREADS)], timeout=WARM_UP_SECONDS)
        self.predictor = predictor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path, method = scope["path"], scope["method"]
        if path == "/predict" and method == "POST":
            await self._predict(scope, receive, send)
        elif path in self._pages and method == self._pages[path][0]:
            await respond(send, await self._pages[path][1](receive))
        elif path == "/predict" or path in self._pages:
            wanted = self._pages[path][0] if path in self._pages else "POST"
            await respond(send, problem(405, f"{path} takes {wanted}"))
        else:
            known = ", ".join(["/predict", *self._pages])
            await respond(send, problem(404, f"there is nothing at this path; there are {known}"))

    async def _predict(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive, LARGEST_REQUEST)
        # Both sides of a shadow start their clock here: with the whole request in hand.
        arrived_at, start = time.time(), time.perf_counter()
        headers = read_headers(scope["headers"], self._version)
        ticket = self._rows.arrived(
            arrived_at, headers.rollout, copy=headers.copy, mirrored=headers.mirrored
        )
        self._gauges.in_flight.inc()
        try:
            self._announce(ticket)
            answer, prediction = await self._answer(headers, body)
            seconds = time.perf_counter() - start
            self._gauges.answered(answer.status, copy=headers.copy, seconds=seconds)
            self._write_row(ticket, headers, answer.status, seconds, prediction)
        finally:
            self._rows.abandoned(ticket)
            self._gauges.in_flight.dec()
        await respond(send, answer, headers.request_id)

    async def _answer(
        self, headers: Headers, body: bytes | None
    ) -> tuple[Answer, float | str | None]:
        if self.predictor is None:
            return problem(503, "the model is being loaded"), None
        if body is None:
            return problem(413, f"the body is larger than {LARGEST_REQUEST} bytes"), None
        if not headers.usable:
            return problem(400, f"x-request-id: 1 to {LONGEST_ID} printable characters"), None
        try:
            values = read_features(body, self.predictor.features)
        except BadBody as error:
            return problem(error.status, str(error)), None
        if not headers.copy:
            self._keep_inputs(self.predictor.features, values)
        running = asyncio.get_running_loop().run_in_executor(
            self._threads, self.predictor.predict, values
        )
        try:
            prediction = await asyncio.wait_for(running, LONGEST_ANSWER)
        except TimeoutError:
            log.warning("request %s: no answer in %g s", headers.request_id, LONGEST_ANSWER)
            return problem(504, "the model did not answer in time"), None
        except ModelFailure as failure:
            log.warning("request %s: %s", headers.request_id, failure)
            return problem(500, "the model failed on this request"), None
        body = orjson.dumps({"prediction": prediction, "version": self._version})
        return Answer(200, body), prediction

    def _announce(self, ticket: Ticket) -> None:
        try:
            self._rows.announce(ticket)
        except OSError as error:
            log.error("an arrival was not announced: %s", error)

    def _keep_inputs(
        self, features: Sequence[Feature], values: Sequence[float | str | bool]
    ) -> None:
        try:
            self._inputs.offer(time.time(), features, values)
        except OSError as error:
            # A sample with a gap is still one; the client gets its answer.
            log.error("inputs were not kept: %s", error)

    def _write_row(
        self,
        ticket: Ticket,
        headers: Headers,
        status: int,
        seconds: float,
        prediction: float | str | None,
    ) -> None:
        try:
            self._rows.answered(
                ticket,
                time.time(),
                request_id=headers.request_id[:LONGEST_ID],
                status=status,
                seconds=seconds,
                prediction=prediction,
                segment=headers.segment,
            )
        except OSError as error:
            # The client gets its answer; whoever joins the rows finds a copy without a record.
            self._gauges.rows_lost.inc()
            # Told once: a line for each would fill the disk that is full already.
            if not self._losing:
                log.error("rows are lost from now on: %s", error)
            self._losing = True
        else:
            if self._losing:
                log.warning("rows are kept again")
            self._losing = False

    async def _take_labels(self, receive: Receive) -> Answer:
        body = await read_body(receive, LARGEST_LABELS)
        if body is None:
            return problem(413, f"the body is larger than {LARGEST_LABELS} bytes")
        try:
            posted = parse_json(body)
            labels = parse_labels(posted if isinstance(posted, list) else [posted])
        except (BadBody, BadLabels) as error:
            return problem(400, str(error))
        try:
            append_labels(self._labels, labels)
        except OSError as error:
            log.error("labels were lost: %s", error)
            return problem(507, "the labels could not be stored; send them again")
        self._gauges.labels.inc(len(labels))
        return Answer(200, orjson.dumps({"accepted": len(labels)}))

    async def _live(self, _: Receive) -> Answer:
        return Answer(200, orjson.dumps({"live": True, "version": self._version}))

    async def _ready(self, _: Receive) -> Answer:
        ready = self.predictor is not None
        body = orjson.dumps({"ready": ready, "version": self._version})
        return Answer(200 if ready else 503, body)

    async def _metrics(self, _: Receive) -> Answer:
        return Answer(200, self._gauges.text(), b"text/plain; version=0.0.4; charset=utf-8")
