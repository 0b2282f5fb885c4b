"""Order entry: takes orders and keeps them. Never idempotent: sent twice, it is two orders.

`python -m demo.exchange.orders --port P --version V --home DIR --endpoint URL`; POST /orders with
`{"client_id", "symbol", "quantity", "limit"}`, of which `limit` may be left out. Needs market
data: it is ready once it has prices, and refuses orders (503) where they are too old.
"""

import http.client
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import orjson

from demo.exchange.book import Order, Orders
from demo.exchange.knobs import Watched, watched_flags
from demo.exchange.serving import Versioned, arguments, as_json, serve
from models.http import Answer, problem

EVERY, OLDEST, PATIENCE = 0.5, 10.0, 2.0
LIMIT_ORDERS = "limit-orders"
"""The flag that lets an order name the price it must not pass."""

LARGEST_QUANTITY = 1_000_000


class Prices:
    """The last prices that market data told, asked for twice a second beside the requests."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = urlsplit(endpoint).netloc
        self._prices: Mapping[str, float] = {}
        self._at = float("-inf")

    def keep_asking(self) -> None:
        """Ask for ever, in a thread of its own."""
        threading.Thread(target=self._ask_for_ever, daemon=True).start()

    @property
    def fresh(self) -> Mapping[str, float]:
        """The prices; none where they are older than ten seconds."""
        return self._prices if time.monotonic() - self._at < OLDEST else {}

    def _ask_for_ever(self) -> None:
        while True:
            self._ask()
            time.sleep(EVERY)

    def _ask(self) -> None:
        connection = http.client.HTTPConnection(self._endpoint, timeout=PATIENCE)
        try:
            connection.request("GET", "/prices")
            answer = connection.getresponse()
            if answer.status == 200:
                self._prices = {str(k): float(v) for k, v in orjson.loads(answer.read()).items()}
                self._at = time.monotonic()
        except (OSError, http.client.HTTPException, ValueError):
            # The next round asks again; whoever needs prices sees how old the last ones are.
            return
        finally:
            connection.close()


class Desk:
    """Takes orders for one version."""

    def __init__(
        self, orders: Orders, prices: Prices, flags: Watched[dict[str, bool]], version: str
    ) -> None:
        self._orders, self._prices, self._version = orders, prices, version
        self._flags = flags

    def ready(self) -> bool:
        """Whether orders can be taken."""
        return bool(self._prices.fresh)

    def take(self, _: str, body: bytes) -> Answer:
        """Keep an order and tell its number, or say why not."""
        prices = self._prices.fresh
        if not prices:
            return problem(503, "market data does not answer")
        order = self._read(body, prices)
        if isinstance(order, str):
            return problem(400, order)
        number = self._orders.keep(order, self._version)
        told = {"order": number, "client_id": order.client_id, "price": order.price}
        return as_json({**told, "version": self._version}, 201)

    def count(self, _: str, __: bytes) -> Answer:
        """How many orders there are."""
        return as_json({"orders": self._orders.last(), "version": self._version})

    def _read(self, body: bytes, prices: Mapping[str, float]) -> Order | str:
        """The order that was sent; a sentence where it is none."""
        try:
            told = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            return f"not JSON: {error}"
        if not isinstance(told, dict) or not {"client_id", "symbol", "quantity"} <= set(told):
            return "an order has client_id, symbol and quantity"
        client, symbol, quantity = str(told["client_id"]), told["symbol"], told["quantity"]
        if not 0 < len(client) <= 100:
            return "client_id has 1 to 100 characters"
        if not isinstance(symbol, str) or symbol not in prices:
            return f"no symbol {str(symbol)[:20]}; there are {', '.join(prices)}"
        if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity == 0:
            return "quantity is a whole number, below 0 to sell"
        if abs(quantity) > LARGEST_QUANTITY:
            return f"quantity is at most {LARGEST_QUANTITY:,}"
        return self._limited(Order(client, symbol, quantity, prices[symbol]), told.get("limit"))

    def _limited(self, order: Order, limit: object) -> Order | str:
        if limit is None:
            return order
        if not self._flags.now().get(LIMIT_ORDERS, False):
            return f"orders with a limit are switched off (flag {LIMIT_ORDERS})"
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not limit > 0:
            return "limit is a price above 0"
        passed = order.price > limit if order.quantity > 0 else order.price < limit
        return f"{order.symbol} is at {order.price}, past {limit}" if passed else order


def main(given: Sequence[str]) -> int:
    """Serve until SIGTERM."""
    options = arguments("orders", given, endpoint=str)
    prices = Prices(options.endpoint)
    prices.keep_asking()
    desk = Desk(Orders(options.home), prices, watched_flags(options.home), options.version)
    pages = {("POST", "orders"): desk.take, ("GET", "orders"): desk.count}
    serve(Versioned("order-entry", options, pages, desk.ready), options.port)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
