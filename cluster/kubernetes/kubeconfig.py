"""Who asks which API server about which namespace, as a kubeconfig says."""

import base64
import binascii
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cluster.errors import NotFound, StateDamaged, Unavailable, Unknown

REMEDY = "kubectl config view, or KUBECONFIG=FILE"


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

    NotFound for a missing file, context, cluster or user, StateDamaged for a file that is none,
    Unknown where the user's kind of credentials is not built in.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise NotFound(f"there is no kubeconfig {path}", hint=REMEDY) from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise StateDamaged(f"{path} cannot be read: {error}", hint=REMEDY) from error
    try:
        return _access(path, content, context, namespace)
    except (KeyError, TypeError, AttributeError, binascii.Error, ssl.SSLError) as error:
        raise StateDamaged(f"{path} is no kubeconfig: {error!r}", hint=REMEDY) from error


def _access(path: Path, content: Any, context: str | None, namespace: str | None) -> Access:
    chosen = context or content.get("current-context") or ""
    named = _named(path, content["contexts"], "context", chosen)
    cluster = _named(path, content["clusters"], "cluster", named["cluster"])
    user = _named(path, content["users"], "user", named["user"])
    folder = path.parent
    return Access(
        context=chosen,
        server=str(cluster["server"]).rstrip("/"),
        namespace=namespace or named.get("namespace") or "default",
        trust=_trust(folder, cluster, user),
        token=_token(user, named["user"]),
        token_file=folder / str(user["tokenFile"]) if "tokenFile" in user else None,
    )


def _named(path: Path, entries: Any, kind: str, name: str) -> Mapping[str, Any]:
    known = {entry["name"]: entry[kind] for entry in entries}
    if name not in known:
        told = ", ".join(sorted(known)) or "none"
        raise NotFound(f"{path} has no {kind} {name!r}. Known: {told}", hint=REMEDY)
    found: Mapping[str, Any] = known[name]
    return found


def _trust(folder: Path, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    authority = _content(folder, cluster, "certificate-authority")
    trust = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    certificate = _content(folder, user, "client-certificate")
    if certificate is not None:
        key = _content(folder, user, "client-key") or b""
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


def _content(folder: Path, entry: Mapping[str, Any], key: str) -> bytes | None:
    if f"{key}-data" in entry:
        return base64.b64decode(entry[f"{key}-data"], validate=True)
    return (folder / entry[key]).read_bytes() if key in entry else None
