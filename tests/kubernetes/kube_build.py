"""The Go programs of a real cluster, built once and kept by the digest of what they are made of.

They go into the user's cache folder, which outlives a checkout and is shared by all of them, or
into the folder that PINCEX_KUBE_CACHE names. Only the Go toolchain and the module proxy are needed.
"""

import fcntl
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODULES = Path(__file__).resolve().parent / "go"
KUBERNETES = "v1.34.4"
VERSION = "k8s.io/component-base/version"
PACKAGES = {
    "kube": ".",
    "pod": ".",
    "kwok": "sigs.k8s.io/kwok/cmd/kwok",
    "registry": "github.com/distribution/distribution/v3/cmd/registry",
    "gateway": "github.com/envoyproxy/gateway/cmd/envoy-gateway",
}
BUILD_SECONDS = 3600


class CannotBuild(Exception):
    """This machine has no Go, or the build failed; the text says which."""


def cache() -> Path:
    """Where built programs are kept."""
    if named := os.environ.get("PINCEX_KUBE_CACHE"):
        return Path(named).resolve()
    shared = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return shared.resolve() / "pincex-rollout"


def program(module: str) -> Path:
    """The program of a module below `go/`, built now unless it was before: minutes the first time.

    Of commands at the same moment one builds and the others wait for it.
    """
    made = cache() / f"{module}-{_digest(module)}" / module
    if made.exists():
        return made
    made.parent.mkdir(parents=True, exist_ok=True)
    with open(made.parent / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            _build(module, made)
    return made


def definitions(module: str = "sigs.k8s.io/gateway-api") -> Path:
    """The folder of a Go module that the gateway needs, with its resource definitions."""
    told = _go(["mod", "download", "-json", module], cwd=MODULES / "gateway", seconds=300)
    return Path(json.loads(told)["Dir"])


@functools.cache
def go() -> str:
    """The Go toolchain; CannotBuild where there is none."""
    found = shutil.which("go", path=f"{os.environ['PATH']}:/usr/local/go/bin")
    if found is None:
        raise CannotBuild("Go 1.26 or newer is not on the PATH")
    return found


def _digest(module: str) -> str:
    digest = hashlib.sha256(" ".join([PACKAGES[module], *_options()]).encode())
    for file in sorted((MODULES / module).iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def _options() -> list[str]:
    named = {"gitVersion": KUBERNETES, "gitMajor": "1", "gitMinor": "34", "gitTreeState": "clean"}
    flags = " ".join(["-s -w", *(f"-X {VERSION}.{key}={value}" for key, value in named.items())])
    return ["-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags", flags]


def _build(module: str, made: Path) -> None:
    began = time.monotonic()
    print(f"building {module} for {made.parent} (minutes, once) ...", file=sys.stderr, flush=True)
    draft = made.with_suffix(".draft")
    told = ["build", "-p", "2", *_options(), "-o", str(draft), PACKAGES[module]]
    _go(told, cwd=MODULES / module, seconds=BUILD_SECONDS)
    os.replace(draft, made)
    took = time.monotonic() - began
    print(f"built {module} in {took:.0f} s", file=sys.stderr, flush=True)


def _go(arguments: list[str], *, cwd: Path, seconds: float) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    try:
        done = subprocess.run(
            [go(), *arguments],
            cwd=cwd, env=environment, timeout=seconds,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise CannotBuild(f"go {arguments[0]} was not done in {seconds:g} s") from None
    if done.returncode:
        raise CannotBuild(f"go {arguments[0]} in {cwd.name} failed: {done.stderr[-600:].strip()}")
    return done.stdout


def prometheus() -> Path:
    """A real Prometheus: the one on the PATH, else Debian's, unpacked into the cache once."""
    found = shutil.which("prometheus")
    if found is not None:
        return Path(found)
    made = cache() / "prometheus" / "prometheus"
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=made.parent) as folder:
            _tool(["apt-get", "download", "prometheus"], folder)
            _tool(["dpkg", "-x", *map(str, Path(folder).glob("*.deb")), "."], folder)
            os.replace(Path(folder) / "usr/bin/prometheus", made)
    return made


def _tool(told: list[str], folder: str) -> None:
    try:
        subprocess.run(told, cwd=folder, check=True, capture_output=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotBuild(f"Debian's package prometheus cannot be had: {error}") from error
