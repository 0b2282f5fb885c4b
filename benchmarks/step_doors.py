"""The doors that the interpreter's audit events do not show: SQLite, starts of processes, HTTP.

Loaded by `step_probe` in the processes that are watched. Standard library only.
"""

import functools
import importlib.machinery
import re
import sys


def watch(probe, normal) -> None:
    """Let each effect that leaves by one of these doors be a step of the probe."""
    _watch_sqlite(probe)
    _watch_starts(probe, normal)
    _watch_http(probe)
    sys.meta_path.insert(0, Late(probe, normal))


def _watch_sqlite(probe) -> None:
    import sqlite3

    class Connection(sqlite3.Connection):
        """Names a commit by the last statement in it."""

        said = ""

        def execute(self, sql, *rest):
            if sql.startswith(("INSERT", "UPDATE", "DELETE")):
                table = re.search(r"(?:INTO|UPDATE|FROM) (\w+)", sql).group(1)
                kind = f" {rest[0][2]}" if table == "rows" else ""
                self.said = f"{sql.split()[0].lower()} {table}{kind}"
            act = functools.partial(super().execute, sql, *rest)
            if sql.startswith("COMMIT") and self.said:
                return probe.around(f"commit {self.said}", act)
            return act()

        def executescript(self, script):
            return probe.around("commit schema", functools.partial(super().executescript, script))

    original = sqlite3.connect
    sqlite3.connect = lambda *given, **named: original(*given, **{"factory": Connection, **named})


def _watch_starts(probe, normal) -> None:
    import subprocess

    original = subprocess.Popen.__init__

    def start(self, argv, *rest, **named):
        role = (named.get("env") or {}).get("PINCEX_ROLE")
        if role is None:
            return original(self, argv, *rest, **named)
        what = f"start {normal(role)}"
        return probe.around(what, lambda: original(self, argv, *rest, **named))

    subprocess.Popen.__init__ = start


def _watch_http(probe) -> None:
    import http.client

    original = http.client.HTTPConnection.request

    def request(self, method, url, *rest, **named):
        if method == "GET":
            return original(self, method, url, *rest, **named)
        return probe.around(f"{method} {url}", lambda: original(self, method, url, *rest, **named))

    http.client.HTTPConnection.request = request


def _wrap_httpx(probe, module, normal) -> None:
    original = module.Client.send

    def send(self, request, **named):
        if request.method in ("GET", "HEAD") or request.url.path.endswith("/filter"):
            return original(self, request, **named)
        what = f"{request.method} {normal(request.url.path)}"
        return probe.around(what, lambda: original(self, request, **named))

    module.Client.send = send


class Late:
    """Wraps httpx once somebody imports it: importing it here would cost every command."""

    def __init__(self, probe, normal) -> None:
        self.probe, self.normal = probe, normal

    def find_spec(self, name, path=None, target=None):
        if name != "httpx._client":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def exec_module(module) -> None:
            load(module)
            _wrap_httpx(self.probe, module, self.normal)

        spec.loader.exec_module = exec_module
        return spec
