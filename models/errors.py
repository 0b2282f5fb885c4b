"""What can go wrong with models, as one tree, and the one place where foreign errors enter it.

ModelsError
 +-- RegistryError            the registry answered in a way nobody can use
 |    +-- NotFound            no such model, version, alias or file
 |    +-- Conflict            somebody else was there first, or the release has other files
 |    +-- Forbidden           credentials are missing or too weak
 |    +-- Unavailable         no usable answer in time; the same call may work later
 |    +-- Invalid             the request itself is wrong (a name, a release, an empty folder)
 |    +-- Damaged             files differ from their manifest, or have none
 +-- BadLabels                a label that cannot be taken in
 +-- ModelFailure             the model's own code cannot be loaded, warmed up or asked
"""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx


class ModelsError(Exception):
    """Root of all errors of this room; `str()` is a sentence for people."""


class RegistryError(ModelsError):
    """The registry answered in a way nobody can use."""


class NotFound(RegistryError):
    """No such model, version, alias or file."""


class Conflict(RegistryError):
    """Somebody else was there first, or the release exists with other files."""


class Forbidden(RegistryError):
    """Credentials are missing or too weak."""


class Unavailable(RegistryError):
    """No usable answer in time; the same call may work later."""


class Invalid(RegistryError):
    """The request itself is wrong; asking again changes nothing."""


class Damaged(RegistryError):
    """Files differ from their manifest, or have none."""


class BadLabels(ModelsError):
    """A label that cannot be taken in; nothing of its batch was kept."""


class ModelFailure(ModelsError):
    """The model's own code cannot be loaded, warmed up or asked."""


# Ordered from special to general: the first class an exception is an instance of counts.
HTTPX_ERRORS: dict[type[Exception], type[RegistryError]] = {
    httpx.InvalidURL: Invalid,
    httpx.UnsupportedProtocol: Invalid,
    httpx.CookieConflict: RegistryError,
    httpx.StreamError: RegistryError,
    httpx.TooManyRedirects: RegistryError,
    httpx.DecodingError: RegistryError,
    httpx.HTTPStatusError: RegistryError,
    httpx.TransportError: Unavailable,
    httpx.RequestError: Unavailable,
    httpx.HTTPError: RegistryError,
}

STATUSES: dict[int, type[RegistryError]] = {
    400: Invalid,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    405: Invalid,
    408: Unavailable,
    409: Conflict,
    413: Invalid,
    422: Invalid,
    429: Unavailable,
}

# MLflow names its errors in the body; where name and HTTP status disagree, the name is right
# (an existing resource is reported with status 400).
MLFLOW_CODES: dict[str, type[RegistryError]] = {
    "RESOURCE_DOES_NOT_EXIST": NotFound,
    "NOT_FOUND": NotFound,
    "RESOURCE_ALREADY_EXISTS": Conflict,
    "ALREADY_EXISTS": Conflict,
    "RESOURCE_CONFLICT": Conflict,
    "ABORTED": Conflict,
    "COULD_NOT_ACQUIRE_LOCK": Unavailable,
    "INVALID_PARAMETER_VALUE": Invalid,
    "BAD_REQUEST": Invalid,
    "MALFORMED_REQUEST": Invalid,
    "PERMISSION_DENIED": Forbidden,
    "CUSTOMER_UNAUTHORIZED": Forbidden,
    "UNAUTHENTICATED": Forbidden,
    "TEMPORARILY_UNAVAILABLE": Unavailable,
    "SERVICE_UNDER_MAINTENANCE": Unavailable,
    "WORKSPACE_TEMPORARILY_UNAVAILABLE": Unavailable,
    "DEADLINE_EXCEEDED": Unavailable,
    "REQUEST_LIMIT_EXCEEDED": Unavailable,
    "RESOURCE_EXHAUSTED": Unavailable,
    "CANCELLED": Unavailable,
}


def error_for_status(status: int, code: str | None = None) -> type[RegistryError]:
    """The class for an HTTP status of 400 or more and MLflow's own error code, where it has one."""
    if code in MLFLOW_CODES:
        return MLFLOW_CODES[code]
    return STATUSES.get(status, Unavailable if status >= 500 else RegistryError)


def error_for_exception(error: Exception) -> type[RegistryError]:
    """The class for an exception of the HTTP client."""
    return next(ours for theirs, ours in HTTPX_ERRORS.items() if isinstance(error, theirs))


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn every error of the HTTP client into ours; `where` names the server without credentials.

    The text of the original is left out: it may repeat the URL with its password.
    """
    try:
        yield
    except tuple(HTTPX_ERRORS) as error:
        kind = error_for_exception(error)
        what = "did not answer" if kind is Unavailable else "could not be asked"
        raise kind(f"MLflow at {where} {what} ({type(error).__name__})") from None
