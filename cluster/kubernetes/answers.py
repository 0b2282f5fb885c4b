"""What an API server's refusals mean, each as one of our errors with its remedy."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cluster.errors import (
    Changed,
    ClusterError,
    Forbidden,
    Invalid,
    NotFound,
    Overloaded,
    Owned,
    Refused,
    Unavailable,
    Unknown,
)
from cluster.kubernetes.kinds import Asked
from rollout.credentials import redacted

SECONDS = re.compile(r"\d+")
DEFAULT_WAIT = 1.0
WORDS = 400
DENIED = re.compile(r" cannot ([a-z]+) resource ")
# Status 400, or whatever the webhook says; 500 where one could not be asked.
WEBHOOK = re.compile(r'admission webhook "[^"]+" denied the request')
TERMINATED = "because it is being terminated"
NO_NAMESPACE = re.compile(r'namespaces "[^"]+" not found')
OWNER = re.compile(r'conflicts? with "([^"]+)"')


def refusal(asked: Asked, status: int, headers: Mapping[str, str], body: bytes) -> ClusterError:
    """The error for an answer that is no success (status 400 and above)."""
    told = _status(body)
    said = redacted(str(told.get("message") or body.decode(errors="replace")))[:WORDS]
    reason, details = str(told.get("reason") or ""), told.get("details") or {}
    if WEBHOOK.search(said) or (status == 500 and "webhook" in said):
        return Refused(
            f"a webhook of the cluster does not let us {asked.doing}: {said}",
            hint="kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
        )
    match status:
        case 401:
            return Unknown(
                f"the API server does not know who asks ({asked.context}): {said}",
                hint="the token or certificate ran out or is not its own: kubectl auth whoami",
            )
        case 403:
            return _forbidden(asked, said)
        case 404 if NO_NAMESPACE.match(said):
            return NotFound(
                f"{asked.context} has no namespace {asked.namespace}, so that {asked.what} cannot"
                " be made",
                hint=f"kubectl create namespace {asked.namespace}; or name another by --namespace",
            )
        case 404:
            return NotFound(f"{asked.what} is not there: {said}", hint=asked.look)
        case 409 if reason == "AlreadyExists":
            return Changed(f"{asked.what} exists already", hint=asked.look)
        case 409:
            return _conflict(asked, said, details)
        case 429:
            seconds = _wait(headers)
            return Overloaded(
                f"the API server asks to wait {seconds:g} s before {asked.doing}: {said}",
                seconds=seconds,
                hint="repeat the command; kubectl get --raw /metrics says who keeps it busy",
            )
        case 400 | 422 | 405 | 415:
            return _invalid(asked, said, details)
        # An apply with a field of no schema ends so, and would however often it is repeated.
        case 500 if "failed to create typed patch object" in said:
            return _invalid(asked, said, details)
        case _:
            return Unavailable(
                f"the API server failed with {status} at {asked.doing}: {said}",
                hint="repeat the command; kubectl get --raw /readyz?verbose",
            )


def _status(body: bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _forbidden(asked: Asked, said: str) -> ClusterError:
    """Rights and admission share a status: only a missing right says what the user cannot do."""
    if TERMINATED in said:
        return Refused(
            f"the namespace is being deleted, so that {asked.what} cannot be made: {said}",
            hint="kubectl get namespaces says which are left; name another by --namespace",
        )
    denied = DENIED.search(said)
    if denied is None:
        return Refused(
            f"the cluster does not admit {asked.what}: {said}",
            hint="kubectl describe quota,limitrange",
        )
    # An apply that makes an object asks for a second right: the server says which one it missed.
    missed = replace(asked, verb=denied[1])
    return Forbidden(
        f"the right to {missed.doing} is missing; the rule that gives it: {missed.rule}",
        hint=f"kubectl auth can-i {missed.verb} {missed.resource}, then add the rule to the Role",
    )


def _conflict(asked: Asked, said: str, details: Mapping[str, Any]) -> ClusterError:
    causes = [c for c in details.get("causes") or () if c.get("reason") == "FieldManagerConflict"]
    if not causes:
        return Changed(f"{asked.what} changed while we were at it: {said}", hint=asked.look)
    fields = ", ".join(sorted({str(cause["field"]).lstrip(".") for cause in causes}))
    found = [OWNER.search(str(cause["message"])) for cause in causes]
    owners = ", ".join(sorted({match[1] for match in found if match}))
    return Owned(
        f"{fields} of {asked.what} is managed by {owners}, and was not taken from it",
        hint=f"let {owners} give it up, or change it there; {asked.look} --show-managed-fields",
    )


def _invalid(asked: Asked, said: str, details: Mapping[str, Any]) -> Invalid:
    causes = [
        f"{cause['field']}: {cause['message']}"
        for cause in details.get("causes") or ()
        if cause.get("field")
    ]
    return Invalid(
        f"{asked.what} is not valid: {'; '.join(causes) or said}",
        hint="correct the field and repeat the command",
    )


def _wait(headers: Mapping[str, str]) -> float:
    given = headers.get("retry-after", "")
    return float(given) if SECONDS.fullmatch(given) else DEFAULT_WAIT
