"""What one model server tells Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

# The policy's limits (100, 200 and 500 ms) are bounds, so shares above them are exact.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0)


class Gauges:
    """Counters of a server process; `copy` tells mirrored copies from production requests."""

    def __init__(self, name: str, version: str) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "pincex_model_requests",
            "Answered /predict requests",
            ["status", "copy"],
            registry=self._registry,
        )
        self._latency = Histogram(
            "pincex_model_latency_seconds",
            "From request received to answer ready",
            ["copy"],
            buckets=BOUNDS,
            registry=self._registry,
        )
        self._seconds = {copy: self._latency.labels(_word(copy)) for copy in (False, True)}
        self._counts: dict[tuple[int, bool], Counter] = {}
        self.in_flight = Gauge(
            "pincex_model_requests_in_flight", "Requests under way", registry=self._registry
        )
        self.labels = Counter("pincex_model_labels", "Labels kept", registry=self._registry)
        self.rows_lost = Counter(
            "pincex_model_rows_lost",
            "Requests that were answered but whose row could not be written",
            registry=self._registry,
        )
        info = Info("pincex_model", "What is served", registry=self._registry)
        info.info({"name": name, "version": version})

    def answered(self, status: int, *, copy: bool, seconds: float) -> None:
        """Count one answer."""
        key = (status, copy)
        if key not in self._counts:
            self._counts[key] = self._requests.labels(str(status), _word(copy))
        self._counts[key].inc()
        self._seconds[copy].observe(seconds)

    def text(self) -> bytes:
        """The page in Prometheus' text format."""
        return generate_latest(self._registry)


def _word(copy: bool) -> str:
    return "true" if copy else "false"
