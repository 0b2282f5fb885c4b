"""A real registry, the reference one of the OCI distribution specification, on loopback."""

import hashlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml
from kube_build import program

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
START_SECONDS = 30.0


@dataclass(frozen=True)
class Registry:
    """Where it listens; images are pushed as the specification says."""

    host: str

    def push(self, name: str, tag: str) -> str:
        """The digest of a new image of one empty layer that a tag names from now on."""
        blob = b"{}"
        digest = _digest(blob)
        url = f"http://{self.host}/v2/{name}"
        begun = httpx.post(f"{url}/blobs/uploads/", headers=SIGNED).raise_for_status()
        at = httpx.URL(begun.headers["location"]).copy_merge_params({"digest": digest})
        httpx.put(at, content=blob, headers=SIGNED).raise_for_status()
        part = {"mediaType": EMPTY, "digest": digest, "size": len(blob)}
        told = {"schemaVersion": 2, "mediaType": MANIFEST, "config": part, "layers": [part]}
        content = json.dumps({**told, "annotations": {"tag": tag}}).encode()
        typed = {**SIGNED, "content-type": MANIFEST}
        httpx.put(f"{url}/manifests/{tag}", content=content, headers=typed).raise_for_status()
        return _digest(content)


# The registry's test authorization wants some header, and asks nobody what it is worth.
SIGNED = {"authorization": "Bearer pusher"}


@contextmanager
def registry(folder: Path, realm: str | None = None) -> Iterator[Registry]:
    """A registry that keeps its images in a folder; with a realm it wants a token from there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
    told: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
        "http": {"addr": host},
    }
    if realm is not None:
        told["auth"] = {"silly": {"realm": realm, "service": "shop"}}
    file = folder / "registry.yaml"
    file.write_text(yaml.safe_dump(told))
    with open(folder / "registry.log", "ab") as log:
        running = subprocess.Popen(
            [str(program("registry")), "serve", str(file)],
            env={**os.environ, "OTEL_TRACES_EXPORTER": "none"}, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        _until_it_answers(host, running, folder / "registry.log")
        yield Registry(host)
    finally:
        running.terminate()
        running.wait(30)


def _until_it_answers(host: str, running: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and running.poll() is None:
        try:
            httpx.get(f"http://{host}/v2/")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the registry did not start: {log.read_text()[-600:]}")


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
