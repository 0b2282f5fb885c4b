"""Container images made by hand: one static program as a docker archive."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping


def image(binary: bytes, name: str, env: Mapping[str, str] | None = None) -> bytes:
    """A docker archive with one static program at /pod, and what its environment is by default."""
    layer = _tar({"pod": (binary, 0o755)})
    digest = hashlib.sha256(layer).hexdigest()
    told = env or {}
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": ["/pod"], "Env": [f"{k}={v}" for k, v in told.items()]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    ).encode()
    called = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [{"Config": called, "RepoTags": [name], "Layers": ["layer.tar"]}]
    files = {
        "manifest.json": (json.dumps(manifest).encode(), 0o644),
        called: (config, 0o644),
        "layer.tar": (layer, 0o644),
    }
    return _tar(files)


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, (content, mode) in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), mode
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()
