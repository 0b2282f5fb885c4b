"""A tiny server for the tests: `python echo_server.py PORT NAME LOG [DELAY]`.

POST /predict and /labels answer with the name and the request's headers and path, and add a line
to LOG; GET /readyz answers 200; POST /fail answers 500.
"""

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, NAME, LOG = int(sys.argv[1]), sys.argv[2], sys.argv[3]
DELAY = float(sys.argv[4]) if len(sys.argv) > 4 else 0.0
log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        self.answer({"name": NAME, "pid": os.getpid()})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        time.sleep(DELAY)
        told = {
            "name": NAME,
            "pid": os.getpid(),
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "size": len(body),
        }
        os.write(log, (json.dumps(told) + "\n").encode())
        self.answer(told)

    def answer(self, content: dict[str, object]) -> None:
        data = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the requests are in LOG."""


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


Server(("127.0.0.1", PORT), Echo).serve_forever()
