"""Requests to a real model server, on raw sockets: what is no request gets 4xx and harms nobody."""

from typing import Any

from hypothesis import strategies as st

from benchmarks.fuzz_files import LABEL, label_lines
from benchmarks.fuzz_server import GOOD, GOOD_BODY, Request, whole
from benchmarks.fuzz_words import DEEP, LONG, broken, json_of

NO_FEATURES: tuple[Any, ...] = (
    *(
        None,
        True,
        "1",
        "",
        [],
        {},
        [0.1],
        float("nan"),
        float("inf"),
        float("-inf"),
        "NaN",
        10**400,
    ),
)
NO_BODIES = (
    *(
        b"",
        b"{",
        b"[]",
        b"3",
        b"null",
        b'"a"',
        b"\xff\xfe",
        b"{}",
        b"[" * DEEP,
        b"\0",
        LONG.encode(),
    ),
    *(b'{"a":' * DEEP, b'{"features": NaN}', b'{"features": {"\\ud800": 1}}', b'{"features": [1]}'),
    *(
        b"\xef\xbb\xbf" + GOOD_BODY,
        GOOD_BODY.decode().encode("utf-16"),
        GOOD_BODY[:-1],
        GOOD_BODY * 2,
    ),
    *(
        b"[" * 200_000,
        b" " * 2**20 + GOOD_BODY,
        b'{"features": {' + b'"a":1,' * 99_999 + b'"b":1}}',
    ),
)


@st.composite
def _no_predict(draw: st.DrawFn) -> Request:
    if draw(st.booleans()):
        body = draw(st.sampled_from(NO_BODIES))
        return Request(whole("POST", "/predict", body), f"body {body[:20]!r}")
    name = draw(st.sampled_from(sorted(GOOD)))
    way = draw(st.integers(0, 2))
    if way == 0:
        left = {key: value for key, value in GOOD.items() if key != name}
        return Request(whole("POST", "/predict", _features(left)), f"no {name}")
    if way == 1:
        more = {**GOOD, draw(st.sampled_from(("", "é", LONG, name + " "))): 1}
        return Request(whole("POST", "/predict", _features(more)), "one too many")
    value = draw(st.sampled_from(NO_FEATURES))
    return Request(whole("POST", "/predict", _features({**GOOD, name: value})), f"{value!r}"[:40])


def _features(features: dict[str, Any]) -> bytes:
    return json_of({"features": features}).encode()


@st.composite
def _no_labels(draw: st.DrawFn) -> Request:
    line, why = draw(label_lines())
    if why.startswith("line b'[]'"):
        line = b"[[]]"
    good = json_of({**LABEL, "request_id": "r-good"}).encode()
    body = draw(st.sampled_from((line, b"[" + good + b"," + line + b"]")))
    if draw(st.integers(0, 5)) == 4:
        body, why = b"[" + good + b"," + good + b"]", "one id twice"
    return Request(whole("POST", "/labels", body), f"labels: {why}")


@st.composite
def _no_page(draw: st.DrawFn) -> Request:
    method = draw(st.sampled_from(("GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "POST")))
    path = draw(st.sampled_from(("/", "/predict/", "/Predict", "/%00", "/../predict", "//predict")))
    if draw(st.booleans()):
        method, path = draw(
            st.sampled_from((("GET", "/predict"), ("PUT", "/labels"), ("POST", "/metrics")))
        )
    return Request(whole(method, path, GOOD_BODY), f"{method} {path}")


@st.composite
def _no_id(draw: st.DrawFn) -> Request:
    value = draw(st.sampled_from((b"", b"i" * 201, b"\xe9", b"a\tb", b"i" * 5_000, b"\x80\xff")))
    return Request(
        whole("POST", "/predict", GOOD_BODY, ((b"x-request-id", value),)), f"id {value[:9]!r}"
    )


@st.composite
def _no_http(draw: st.DrawFn) -> Request:
    """Broken framing: whatever the server makes of it, it goes on."""
    good = whole("POST", "/predict", GOOD_BODY)
    chunked = good.replace(b"content-length: %d" % len(GOOD_BODY), b"transfer-encoding: chunked")
    raw = draw(
        st.one_of(
            broken(good),
            st.binary(max_size=60),
            st.sampled_from(
                (
                    good.replace(b"HTTP/1.1", b"HTTP/9.9"),
                    good.replace(b"content-length: ", b"content-length: -"),
                    good.replace(b"content-length: ", b"content-length: 9"),
                    good.replace(b"content-length: ", b"content-length: " + b"9" * 30),
                    good.replace(
                        b"content-length", b"transfer-encoding: chunked\r\ncontent-length"
                    ),
                    good.replace(b"\r\n", b"\n"),
                    good.replace(b"host: site", b"host site"),
                    good.replace(b"host: site", b"x: " + b"y" * 200_000),
                    good.replace(b"host: site", b"\r\n".join([b"x: y"] * 5_000)),
                    good.replace(
                        b"connection: close", b"upgrade: websocket\r\nconnection: upgrade"
                    ),
                    good.replace(b"connection: close", b"expect: 100-continue"),
                    good.replace(b"/predict", b"/predict\0"),
                    good.replace(b"/predict", b"http://[::1/predict"),
                    good.replace(b"/predict", b"/" + b"p" * 100_000),
                    good.replace(b"POST", b"PO ST"),
                    chunked,
                    chunked.replace(GOOD_BODY, b"zz\r\nabc\r\n0\r\n\r\n"),
                    chunked.replace(GOOD_BODY, b"ffffffffffffffff\r\nabc\r\n"),
                    good[:-20],
                    good + good[:40],
                    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                )
            ),
        )
    )
    return Request(raw, None, http=False)


@st.composite
def _mangled(draw: st.DrawFn) -> Request:
    """A good request whose body or headers were changed somewhere."""
    if draw(st.booleans()):
        return Request(whole("POST", "/predict", draw(broken(GOOD_BODY))), None)
    name = draw(st.sampled_from((b"x-segment", b"x-pincex-shadow", b"x-pincex-copy", b"cookie")))
    value = draw(st.sampled_from((b"", b"\xff", b"../../x", b"..", b"/tmp/x", b"s" * 300, b"a b")))
    return Request(whole("POST", "/predict", GOOD_BODY, ((name, value),)), None)


def requests() -> st.SearchStrategy[Request]:
    """What may come in from outside."""
    return st.one_of(_no_predict(), _no_labels(), _no_page(), _no_id(), _no_http(), _mangled())
