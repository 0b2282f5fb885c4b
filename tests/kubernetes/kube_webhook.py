"""A webhook that refuses: a small HTTPS server on loopback, and its configuration."""

import base64
import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from kube_certs import Authority
from kube_cluster import Cluster

LOOPBACK = "127.0.0.1"
SECONDS = 5


@contextlib.contextmanager
def refusing(
    cluster: Cluster, namespace: str, folder: Path, words: str, **rule: list[str]
) -> Iterator[ThreadingHTTPServer]:
    """Over the block nothing that the rule names is written there; the server says why."""
    authority = Authority(folder / "webhook")
    pair = authority.issue("server", "webhook", addresses=(LOOPBACK,))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    server = ThreadingHTTPServer((LOOPBACK, 0), _answering(words))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    name = f"{namespace}-freeze"
    url = f"https://{LOOPBACK}:{server.server_port}/"
    ca = base64.b64encode(authority.certificate.read_bytes()).decode()
    cluster.kubectl("apply", "-f", "-", given=_configuration(name, namespace, url, ca, rule))
    try:
        yield server
    finally:
        cluster.kubectl("delete", "validatingwebhookconfiguration", name)
        server.shutdown()
        server.server_close()
        thread.join()


def _configuration(
    name: str, namespace: str, url: str, ca: str, rule: dict[str, list[str]]
) -> dict[str, object]:
    here = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    webhook = {
        "name": "freeze.example.com",
        "clientConfig": {"url": url, "caBundle": ca},
        "rules": [{"apiVersions": ["*"], "scope": "Namespaced", **rule}],
        "namespaceSelector": here,
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "timeoutSeconds": SECONDS,
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [webhook],
    }


def _answering(words: str) -> type[BaseHTTPRequestHandler]:
    class Refusing(BaseHTTPRequestHandler):
        """Says no to every review."""

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status = {"code": 403, "message": words}
            answer = {"uid": asked["request"]["uid"], "allowed": False, "status": status}
            told = json.dumps({**asked, "request": None, "response": answer}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, format: str, *args: object) -> None:
            """Tests print enough."""

    return Refusing
