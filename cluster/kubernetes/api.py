"""Requests to one API server: bounded in time, and every refusal one of our errors."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from cluster.errors import NotFound, Overloaded, Unavailable
from cluster.kubernetes.answers import refusal
from cluster.kubernetes.kinds import POD, POD_PROXY, SERVER_VERSION, Asked, Kind
from cluster.kubernetes.kubeconfig import Access

T = TypeVar("T")
Object = dict[str, Any]
MANAGER = "pincex"
# A frozen server must be noticed while its lease still has time left.
TIMEOUT = httpx.Timeout(5.0, connect=2.0)
APPLY = "application/apply-patch+yaml"
# With this the API server says that the pod did not answer it.
OF_POD = b"error trying to reach service"
# A Date header says whole seconds; a clock is called wrong only beyond that.
CLOCK_STEP = 1.0


class Api:
    """The objects of one namespace, as `access` sees them."""

    def __init__(self, access: Access, *, patience: float = 10.0) -> None:
        self.access = access
        self._patience = patience
        self._skew = timedelta()
        self._client = httpx.Client(
            base_url=access.server, verify=access.trust, timeout=TIMEOUT, auth=self._signed
        )

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _signed(self, request: httpx.Request) -> httpx.Request:
        if (token := self.access.bearer()) is not None:
            request.headers["authorization"] = f"Bearer {token}"
        return request

    def now(self) -> datetime:
        """The time by the API server's clock, which all holders share (UTC)."""
        return datetime.now(UTC) + self._skew

    def version(self) -> str:
        """What the API server says of itself, such as v1.34.4."""
        told = self._object("GET", self._asked("get", SERVER_VERSION))
        return str(told["gitVersion"])

    def get(self, kind: Kind, name: str) -> Object:
        """An object; NotFound where there is none of that name."""
        return self._object("GET", self._asked("get", kind, name))

    def find(self, kind: Kind, name: str) -> Object | None:
        """An object, or None where there is none of that name."""
        try:
            return self.get(kind, name)
        except NotFound:
            return None

    def list(self, kind: Kind, labels: Mapping[str, str | None]) -> list[Object]:
        """The objects that carry all `labels`, with any value where None is given."""
        chosen = ",".join(
            key if value is None else f"{key}={value}" for key, value in labels.items()
        )
        told = self._object("GET", self._asked("list", kind), params={"labelSelector": chosen})
        items: list[Object] = told["items"]
        return items

    def create(self, kind: Kind, content: Object) -> Object:
        """A new object; Changed where one of that name exists."""
        name = content["metadata"].get("name", "")
        return self._object("POST", self._asked("create", kind, name), content)

    def replace(self, kind: Kind, content: Object, *, rehearsed: bool = False) -> Object:
        """An object as it was read, changed; Changed when somebody else was faster.

        `rehearsed`, the server says what would come of it, and keeps nothing.
        """
        name = content["metadata"]["name"]
        whole = {"apiVersion": kind.api_version, "kind": kind.name, **content}
        given = {"dryRun": "All"} if rehearsed else None
        return self._object("PUT", self._asked("update", kind, name), whole, given)

    def apply(
        self, kind: Kind, content: Object, *, forced: bool = False, rehearsed: bool = False
    ) -> Object:
        """The fields that are ours, server-side; Owned names who else manages one of them.

        With `metadata.resourceVersion` in `content`, Changed when the object is another by now.
        `forced` takes them from whoever else does; `rehearsed` keeps nothing.
        """
        name = content["metadata"]["name"]
        whole = {"apiVersion": kind.api_version, "kind": kind.name, **content}
        given = {"fieldManager": MANAGER}
        given |= {"force": "true"} if forced else {}
        given |= {"dryRun": "All"} if rehearsed else {}
        return self._object("PATCH", self._asked("patch", kind, name), whole, given, APPLY)

    def delete(self, kind: Kind, name: str) -> None:
        """Delete an object and, in the background, what it owns; nothing where there is none."""
        try:
            self._object(
                "DELETE",
                self._asked("delete", kind, name),
                {"propagationPolicy": "Background"},
            )
        except NotFound:
            return

    def forward(self, pod: str, port: int, path: str, body: bytes) -> int | None:
        """Have the server post to a pod: the pod's status, None where it does not answer.

        What goes wrong at the server itself is an error, as of every other request.
        """
        asked = self._asked("create", POD_PROXY, pod)
        where = f"{POD.root}/namespaces/{asked.namespace}/{POD.plural}/{pod}:{port}/proxy{path}"
        return self._waiting(lambda: self._forwarded(asked, where, body))

    def _forwarded(self, asked: Asked, where: str, body: bytes) -> int | None:
        sent = {"content-type": "application/json"}
        try:
            answer = self._client.post(where, content=body, headers=sent)
        except httpx.HTTPError as error:
            raise _no_answer(self.access, asked, error) from error
        if b'"kind":"Status"' not in answer.content.replace(b" ", b""):
            return answer.status_code
        if OF_POD in answer.content:
            return None
        raise refusal(asked, answer.status_code, answer.headers, answer.content)

    def _asked(self, verb: str, kind: Kind, name: str = "") -> Asked:
        return Asked(self.access.context, self.access.namespace, verb, kind, name)

    def _object(
        self,
        method: str,
        asked: Asked,
        content: Object | None = None,
        params: Mapping[str, str] | None = None,
        media: str = "application/json",
    ) -> Object:
        """The answer, an object."""
        return self._waiting(lambda: self._once(method, asked, content, params, media))

    def _waiting(self, ask: Callable[[], T]) -> T:
        """The answer; waits as often as the server asks to, within `patience` seconds."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return ask()
            except Overloaded as error:
                if time.monotonic() + error.seconds > deadline:
                    raise
                time.sleep(error.seconds)

    def _once(
        self,
        method: str,
        asked: Asked,
        content: Object | None,
        params: Mapping[str, str] | None,
        media: str,
    ) -> Object:
        named = "" if method == "POST" or not asked.object else f"/{quote(asked.object, safe='')}"
        scope = f"/namespaces/{asked.namespace}" if asked.kind.namespaced else ""
        path = f"{asked.kind.root}{scope}/{asked.kind.plural}{named}"
        sent = {} if content is None else {"content-type": media}
        begun = datetime.now(UTC)
        try:
            answer = self._client.request(
                method,
                path,
                json=content,
                params=params,
                headers=sent,
            )
        except httpx.HTTPError as error:
            raise _no_answer(self.access, asked, error) from error
        self._note_clock(answer.headers.get("date"), begun)
        if answer.is_success:
            told: Object = answer.json()
            return told
        raise refusal(asked, answer.status_code, answer.headers, answer.content)

    def _note_clock(self, date: str | None, begun: datetime) -> None:
        """Learn how far the server's clock is from ours, where it is more than a step."""
        if date is None:
            return
        told = parsedate_to_datetime(date)
        ahead = (told - datetime.now(UTC)).total_seconds()
        behind = (begun - told).total_seconds() - CLOCK_STEP
        wrong = ahead if ahead > CLOCK_STEP else -behind if behind > CLOCK_STEP else 0.0
        self._skew = timedelta(seconds=wrong)


def _no_answer(access: Access, asked: Asked, error: httpx.HTTPError) -> Unavailable:
    slow = isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout)
    why = f"did not answer in {TIMEOUT.read:g} s" if slow else f"cannot be reached: {error}"
    return Unavailable(
        f"the API server {access.server} ({access.context}) {why}; asked to {asked.doing}",
        hint="kubectl cluster-info; then repeat the command, which goes on where it was",
    )
