"""The one place where errors of the HTTP client and of MLflow become ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from models.errors import Conflict, Forbidden, Invalid, NotFound, RegistryError, Unavailable

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
