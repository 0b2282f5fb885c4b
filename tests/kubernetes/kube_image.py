"""Container images made by hand, as docker archives: one static program, or links and no more."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping


def image(binary: bytes, name: str, env: Mapping[str, str] | None = None) -> bytes:
    """A docker archive with one static program at /pod, and what its environment is by default."""
    told = [f"{key}={value}" for key, value in (env or {}).items()]
    return _archive(_tar({"pod": (binary, 0o755)}), name, {"Entrypoint": ["/pod"], "Env": told})


def linked(links: Mapping[str, str], name: str) -> bytes:
    """A docker archive of symbolic links: what they lead to is mounted."""
    return _archive(_tar({}, links), name, {})


def _archive(layer: bytes, name: str, settings: Mapping[str, object]) -> bytes:
    digest = hashlib.sha256(layer).hexdigest()
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": settings,
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


def _tar(files: Mapping[str, tuple[bytes, int]], links: Mapping[str, str] | None = None) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, (content, mode) in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), mode
            archive.addfile(info, io.BytesIO(content))
        for path, target in (links or {}).items():
            info = tarfile.TarInfo(path)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return made.getvalue()
