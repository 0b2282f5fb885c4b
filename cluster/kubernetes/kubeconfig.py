"""Who asks which API server about which namespace, as a kubeconfig says."""

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cluster.errors import NotFound, StateDamaged, Unavailable, Unknown

REMEDY = "kubectl config view, or KUBECONFIG=FILE"
KINDS = ("contexts", "clusters", "users")
# What is a path in an entry, relative to the file that it stands in.
PATHS = {
    "cluster": ("certificate-authority",),
    "user": ("client-certificate", "client-key", "tokenFile"),
}


@dataclass(frozen=True, slots=True)
class Access:
    """The way to one API server: `trust` proves both sides, a token is sent where there is one.

    It lies in `token_file` where it is renewed while it is used, as pods have it.
    """

    context: str
    server: str
    namespace: str
    trust: ssl.SSLContext = field(repr=False)
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None

    def bearer(self) -> str | None:
        """The token as it is now; Unavailable where its file cannot be read."""
        if self.token_file is None:
            return self.token
        try:
            return self.token_file.read_text().strip()
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"the token {self.token_file} cannot be read: {error}", hint=REMEDY
            ) from error


def read_access(path: Path, context: str | None, namespace: str | None) -> Access:
    """The access that a kubeconfig gives by a context, the current one if none is named.

    Several files, as $KUBECONFIG joins them, are merged as kubectl does it: of each name the first
    that is found holds, and a file that is not there is left out.

    NotFound for a missing file, context, cluster or user, StateDamaged for a file that is none,
    Unknown where the user's kind of credentials is not built in.
    """
    files = [Path(one) for one in str(path).split(os.pathsep) if one]
    found = [content for one in files if (content := _read(one)) is not None]
    if not found:
        raise NotFound(f"there is no kubeconfig {path}", hint=REMEDY)
    try:
        return _access(path, _merged(found), context, namespace)
    except (KeyError, TypeError, AttributeError, binascii.Error, ssl.SSLError) as error:
        raise StateDamaged(f"{path} is no kubeconfig: {error!r}", hint=REMEDY) from error


def _read(path: Path) -> dict[str, Any] | None:
    """What a file says, its paths absolute; None where there is none."""
    try:
        content = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise StateDamaged(f"{path} cannot be read: {error}", hint=REMEDY) from error
    try:
        for name, keys in PATHS.items():
            for entry in content.get(f"{name}s") or ():
                told = entry[name] or {}
                told.update({key: str(path.parent / told[key]) for key in keys if key in told})
    except (KeyError, TypeError, AttributeError) as error:
        raise StateDamaged(f"{path} is no kubeconfig: {error!r}", hint=REMEDY) from error
    return dict(content)


def _merged(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All entries, the first of each name, and the first context that is the current one."""
    current = [told for one in found if (told := one.get("current-context"))]
    merged: dict[str, Any] = {"current-context": current[0] if current else ""}
    for kind in KINDS:
        entries = [entry for one in found for entry in one.get(kind) or ()]
        merged[kind] = list({entry["name"]: entry for entry in reversed(entries)}.values())
    return merged


def _access(
    path: Path, content: Mapping[str, Any], context: str | None, namespace: str | None
) -> Access:
    chosen = context or content["current-context"]
    named = _named(path, content["contexts"], "context", chosen)
    cluster = _named(path, content["clusters"], "cluster", named["cluster"])
    user = _named(path, content["users"], "user", named["user"])
    return Access(
        context=chosen,
        server=str(cluster["server"]).rstrip("/"),
        namespace=namespace or named.get("namespace") or "default",
        trust=_trust(cluster, user),
        token=_token(user, named["user"]),
        token_file=Path(user["tokenFile"]) if "tokenFile" in user else None,
    )


def _named(path: Path, entries: Any, kind: str, name: str) -> Mapping[str, Any]:
    known = {entry["name"]: entry[kind] for entry in entries}
    if name not in known:
        told = ", ".join(sorted(known)) or "none"
        raise NotFound(f"{path} has no {kind} {name!r}. Known: {told}", hint=REMEDY)
    found: Mapping[str, Any] = known[name]
    return found


def _trust(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    authority = _content(cluster, "certificate-authority")
    trust = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    certificate = _content(user, "client-certificate")
    if certificate is not None:
        key = _content(user, "client-key") or b""
        # The ssl module takes a certificate and its key from a file only.
        with tempfile.NamedTemporaryFile() as file:
            file.write(certificate + b"\n" + key)
            file.flush()
            trust.load_cert_chain(file.name)
    return trust


def _token(user: Mapping[str, Any], name: str) -> str | None:
    for kind in ("exec", "auth-provider", "username"):
        if kind in user:
            raise Unknown(
                f"user {name!r} of the kubeconfig signs in by {kind!r}, which is not built in",
                hint="use a client certificate or a token: kubectl create token NAME",
            )
    token = user.get("token")
    return None if token is None else str(token)


def _content(entry: Mapping[str, Any], key: str) -> bytes | None:
    if f"{key}-data" in entry:
        return base64.b64decode(entry[f"{key}-data"], validate=True)
    return Path(entry[key]).read_bytes() if key in entry else None
