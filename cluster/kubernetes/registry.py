"""Whether an image is in its registry, asked as the OCI distribution specification says.

Nobody's credentials are used: what only a pull secret may see is left to whoever holds it.
"""

import re
from dataclasses import dataclass
from typing import Any

import httpx

from cluster.errors import Unavailable
from rollout.checklist_line import Line, Outcome

TIMEOUT = httpx.Timeout(5.0, connect=2.0)
ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
SHA256 = "sha256:"
PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# The first part is a host where it could be no folder: it has a dot or a port, or is localhost.
HOST = rf"localhost|{LABEL}(?:\.{LABEL})+|{LABEL}(?=:)|\[[0-9a-f:]+\]"
REFERENCE = re.compile(
    rf"(?:(?P<host>(?:{HOST})(?::(?P<port>[0-9]{{1,5}}))?)/)?(?P<path>{PART}(?:/{PART})*)"
    rf"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}))?(?P<digest>@{SHA256}[0-9a-f]{{64}})?"
)
PARAMETER = re.compile(r'(\w+)="([^"]*)"')
DENIED = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
LOOPBACK = re.compile(r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]+)?")
NAME = "image"
RIGHT = "host/name:tag@sha256:..., as `image` of the component"


@dataclass(frozen=True, slots=True)
class Reference:
    """One image: `host` is None where the nodes decide which registry is meant."""

    host: str | None
    path: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.path} {_short(self.wanted)}"

    @property
    def url(self) -> str:
        """Encrypted, but for a registry on this machine."""
        assert self.host is not None
        scheme = "http" if LOOPBACK.fullmatch(self.host) else "https"
        return f"{scheme}://{self.host}/v2/{self.path}/manifests/{self.wanted}"


def reference(image: str) -> Reference | None:
    """What an image is called by; None where that is no reference at all."""
    found = REFERENCE.fullmatch(image)
    if found is None or not int(found["port"] or 1) < 65536:
        return None
    digest = (found["digest"] or "").removeprefix("@")
    return Reference(found["host"], found["path"], digest or found["tag"] or "latest")


def in_registry(image: str) -> Line:
    """Whether the registry has the manifest that the image names."""
    named = reference(image)
    if named is None:
        return _fail(f"{image} is no reference of an image", RIGHT)
    if named.host is None:
        said = f"{image} names no registry: which one is meant is the nodes' to know"
        return _unchecked(said, f"whoever runs the nodes must look; or {RIGHT}")
    try:
        with httpx.Client(timeout=TIMEOUT, follow_redirects=True) as client:
            answer = _asked(client, named)
            # Some other server has no such page, either.
            missing = answer.status_code == httpx.codes.NOT_FOUND and _speaks(client, answer)
    except (httpx.HTTPError, httpx.InvalidURL, Unavailable) as error:
        said = f"{named.host} cannot be asked from here: {str(error) or type(error).__name__}"
        return _unchecked(said, f"whoever reaches it must look: curl -I {named.url}")
    return (
        _fail(f"{named.host} has no {named}", "push it there first")
        if missing
        else _told(named, answer)
    )


def _asked(client: httpx.Client, named: Reference) -> httpx.Response:
    """The answer; where a token is wanted, with the one that anybody gets."""
    headers = {"accept": ACCEPT}
    answer = client.head(named.url, headers=headers)
    kind, _, challenge = answer.headers.get("www-authenticate", "").partition(" ")
    told = dict(PARAMETER.findall(challenge))
    bearer = kind.lower() == "bearer" and "realm" in told
    if answer.status_code != httpx.codes.UNAUTHORIZED or not bearer:
        return answer
    asked = {key: told[key] for key in ("service", "scope") if key in told}
    given = client.get(told["realm"], params=asked)
    if given.status_code in DENIED:
        return given
    return client.head(named.url, headers={**headers, "authorization": f"Bearer {_token(given)}"})


def _token(given: httpx.Response) -> str:
    """What a token server answers; Unavailable where that is no token."""
    try:
        told: Any = given.json()
        token = str(told.get("token") or told["access_token"])
    except (ValueError, AttributeError, KeyError) as error:
        said = f"{given.url.host} answered {given.status_code} and no token"
        raise Unavailable(said) from error
    if not token.isascii():
        raise Unavailable(f"{given.url.host} answered with a token that no header may hold")
    return token


def _speaks(client: httpx.Client, answer: httpx.Response) -> bool:
    """Whether it is a registry that answered: its header, or its errors, say so."""
    if "docker-distribution-api-version" in answer.headers:
        return True
    try:
        told: Any = client.get(answer.url, headers={"accept": ACCEPT}).json()
    except ValueError:
        return False
    return isinstance(told, dict) and isinstance(told.get("errors"), list)


def _told(named: Reference, answer: httpx.Response) -> Line:
    status, digest = answer.status_code, answer.headers.get("docker-content-digest")
    if status in DENIED:
        said = f"{named.host} shows {named.path} to nobody without credentials"
        return _unchecked(said, "whoever holds the pull secret must look")
    if not answer.is_success:
        said = f"{named.host} answered {status} for {named}"
        return _unchecked(said, f"whoever runs it must look: curl -I {named.url}")
    if digest in (None, named.wanted):
        return Line(NAME, Outcome.OK, f"{named.host} has {named}")
    if named.wanted.startswith(SHA256):
        return _fail(f"{named.host} gives {_short(digest)} for {named}", "ask whoever runs it")
    return Line(NAME, Outcome.OK, f"{named.host} has {named}, today {_short(digest)}")


def _short(wanted: str) -> str:
    return f"{wanted[:19]}..." if wanted.startswith(SHA256) else wanted


def _fail(said: str, remedy: str) -> Line:
    return Line(NAME, Outcome.FAIL, said, remedy)


def _unchecked(said: str, who: str) -> Line:
    return Line(NAME, Outcome.NOT_CHECKED, said, who)
