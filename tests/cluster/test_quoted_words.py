"""What others said is quoted without its passwords, also where it is cut off."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.errors import Unavailable
from cluster.kubernetes.answers import refusal
from cluster.kubernetes.diagnosis import WORDS, of_pod
from cluster.kubernetes.kinds import DEPLOYMENT, Asked
from cluster.kubernetes.pods import trouble
from cluster.local.home import Home
from cluster.local.readiness import last_words
from models.errors import RegistryError

ADDRESS = "https://ann:pa55word@registry/v2"
AT_THE_CUT = f"{'x' * (WORDS - len('https://ann:pa55'))}{ADDRESS}"


def answered(status: int, message: str) -> str:
    """What is said of an API server's answer."""
    asked = Asked("here", "shop", "patch", DEPLOYMENT, "price")
    body = json.dumps({"message": message}).encode()
    return str(refusal(asked, status, {}, body))


def waiting(reason: str, message: str) -> dict[str, object]:
    """A pod whose container waits."""
    state = {"waiting": {"reason": reason, "message": message}}
    container = {"name": "server", "image": "shop/price:2", "restartCount": 0, "state": state}
    return {"metadata": {"name": "price-1"}, "status": {"containerStatuses": [container]}}


def ended(message: str) -> dict[str, object]:
    """A pod whose container ends again and again, with these last words."""
    last = {"exitCode": 1, "reason": "Error", "message": message}
    pod = waiting("CrashLoopBackOff", "")
    pod["status"]["containerStatuses"][0] |= {  # type: ignore[index]
        "restartCount": 3,
        "lastState": {"terminated": last},
    }
    return pod


def found(reason: str, message: str) -> str:
    """What a diagnosis says of a pod that waits for this reason."""
    return "".join(told.evidence for told in of_pod(waiting(reason, message), [], "kubectl"))


def unhealthy(message: str) -> str:
    """What a diagnosis says of a probe that failed."""
    event = {"reason": "Unhealthy", "message": f"Liveness probe failed: {message}"}
    return "".join(told.evidence for told in of_pod(waiting("", ""), [event], "kubectl"))


QUOTED: dict[str, Callable[[str], str]] = {
    "an error of ours": lambda told: str(Unavailable(f"no answer: {told}")),
    "its hint": lambda told: Unavailable("no answer", hint=f"curl {told}").hint,
    "an error of the registry": lambda told: str(RegistryError(told)),
    "a webhook": lambda told: answered(400, f'admission webhook "x" denied the request: {told}'),
    "what is no JSON": lambda told: str(
        refusal(Asked("here", "shop", "get", DEPLOYMENT), 503, {}, told.encode())
    ),
    "an image": lambda told: str(trouble(waiting("ErrImagePull", told))),
    "last words of a pod": lambda told: str(trouble(ended(told))),
    "a diagnosed image": lambda told: found("ErrImagePull", told),
    "a diagnosed configuration": lambda told: found("CreateContainerConfigError", told),
    "a diagnosed probe": unhealthy,
}


@pytest.mark.parametrize("said", [ADDRESS, AT_THE_CUT], ids=["whole", "cut off"])
@pytest.mark.parametrize("quote", QUOTED.values(), ids=QUOTED.keys())
def test_no_password_is_quoted(quote: Callable[[str], str], said: str) -> None:
    """Half of one is one, too."""
    told = quote(said)

    assert "pa55" not in told
    assert "https://" in told or "xxx" in told


def test_last_words_are_quoted_without_passwords(tmp_path: Path) -> None:
    """Not even of the first line that is still shown."""
    home = Home(tmp_path / "site")
    home.create()
    log = home.log_file("prices@v1.0.0#1")
    log.write_text(f"began\nPASSWORD=pa55 {'x' * 3_980}\nno table at postgres://me:pa55@db/x\n")
    told = last_words(home, "prices@v1.0.0#1")

    assert told.endswith("x\nno table at postgres://db/x")
    assert "pa55" not in told
