"""Every foreign error becomes one of ours, and never carries a password."""

import inspect

import httpx
import pytest
from mlflow.exceptions import ERROR_CODE_TO_HTTP_STATUS
from mlflow.protos.databricks_pb2 import ErrorCode

from models import errors, mapping
from models.registry import Registry
from models.rest import without_credentials

HTTPX_ERRORS = [
    kind
    for _, kind in inspect.getmembers(httpx, inspect.isclass)
    if issubclass(kind, Exception) and kind.__module__.startswith("httpx")
]


@pytest.mark.parametrize("kind", HTTPX_ERRORS, ids=lambda kind: kind.__name__)
def test_every_exception_of_the_client_is_mapped(kind: type[Exception]) -> None:
    """An exception of httpx that nobody thought of would pass through as a stranger."""
    error = kind.__new__(kind)

    with pytest.raises(errors.RegistryError) as caught, mapping.translated("http://there"):
        raise error

    assert issubclass(mapping.error_for_exception(error), errors.RegistryError)
    assert "http://there" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "ours"),
    [
        (httpx.ConnectError, errors.Unavailable),
        (httpx.ReadTimeout, errors.Unavailable),
        (httpx.PoolTimeout, errors.Unavailable),
        (httpx.RemoteProtocolError, errors.Unavailable),
        (httpx.UnsupportedProtocol, errors.Invalid),
        (httpx.InvalidURL, errors.Invalid),
    ],
)
def test_what_may_work_later_is_unavailable(
    kind: type[Exception], ours: type[errors.RegistryError]
) -> None:
    """Only what a second attempt can mend is Unavailable."""
    assert mapping.error_for_exception(kind.__new__(kind)) is ours


@pytest.mark.parametrize("code", ErrorCode.keys())
def test_every_error_code_of_mlflow_has_a_class(code: str) -> None:
    """Whatever name MLflow gives its error, and whatever status it comes with, we have a class."""
    status = ERROR_CODE_TO_HTTP_STATUS.get(code, 500)

    assert issubclass(mapping.error_for_status(status, code), errors.RegistryError)


def test_the_codes_we_name_exist() -> None:
    """A misspelt code in our table would never match."""
    assert set(mapping.MLFLOW_CODES) <= set(ErrorCode.keys())


def test_codes_and_statuses_agree_but_for_the_known_exception() -> None:
    """MLflow reports an existing resource with 400; everywhere else its status tells the same."""
    differing = {
        code
        for code, status in ERROR_CODE_TO_HTTP_STATUS.items()
        if mapping.error_for_status(status, code) is not mapping.error_for_status(status)
    }

    assert differing == {"RESOURCE_ALREADY_EXISTS", "CANCELLED"}


@pytest.mark.parametrize("status", range(400, 600))
def test_every_status_has_a_class(status: int) -> None:
    """No status of an error is left over; those of the server's side may be tried again."""
    ours = mapping.error_for_status(status)

    assert issubclass(ours, errors.RegistryError)
    assert (ours is errors.Unavailable) == (status >= 500 or status in (408, 429))


@pytest.mark.parametrize(
    "url",
    ["http://ann:hunter2@127.0.0.1:1", "http://ann:hunter2@127.0.0.1:1/path?token=hunter2"],
)
def test_credentials_stay_out_of_messages(url: str) -> None:
    """The address is named so that people know which server; user and password are not."""
    with Registry(url, timeout=1) as registry, pytest.raises(errors.Unavailable) as caught:
        registry.names()

    assert "127.0.0.1:1" in str(caught.value)
    assert not {"ann", "hunter2", "token"} & set(str(caught.value).replace("/", " ").split())
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("url", ["127.0.0.1:5000", "ftp://host", "http://", "http://host:port"])
def test_what_is_no_address_is_invalid(url: str) -> None:
    """A wrong setting is said to be wrong, not that nobody answers."""
    with pytest.raises(errors.Invalid):
        without_credentials(url)
