"""Opening a rollout: what must hold before the first row is written."""

import getpass
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flows import aliases
from flows.platform import traffic
from flows.refusal import Refused, bad_input
from flows.site import Site
from rollout.history import OPENED, History, as_data
from rollout.policy import parse, with_baseline_p95
from rollout.state import Revision, Rollout, Verb, copy_of

UNCAPPED = 1e9
"""Copies a second that no gateway makes: where a share cannot be copied, nothing lowers it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What `deploy-model` was asked; `sample` is a fraction, `cap` copies/s, None: the policy's.

    A `control` is of the champion, whatever that is by then, and names no version.
    """

    name: str
    version: str
    policy_text: str
    first: bool = False
    sample: float | None = None
    cap: float | None = None
    control: bool = False


def actor() -> str:
    """Who acts, for the ledger: by number where the user has no name, as in many a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # OSError from Python 3.13 on.
        return f"user {os.getuid()}"


def revision(site: Site, name: str, version: str) -> Revision:
    """The registered revision; unknown names and versions name what is known."""
    found = site.registry.version(name, version)
    if found.release is None or found.manifest_sha256 is None:
        raise bad_input(
            f"{name} {version} was registered without a manifest",
            f"pincex register-model {name} {version} PATH",
        )
    return Revision(found.release, found.manifest_sha256)


def check_control(site: Site, request: Request) -> tuple[History, Revision, Rollout | None]:
    """Whether a copy of the champion may be shadowed, or is already."""
    from models.names import release_name

    history = site.history(request.name)
    refuse_application(history, request.name)
    if history.champion is None:
        raise bad_input(
            f"{request.name} has no champion to make a copy of",
            f"pincex deploy-model {request.name} VERSION --first",
        )
    copy = copy_of(history.champion.revision)
    release_name(copy.version)
    opened = history.open
    if opened is not None and opened.verb is not Verb.CONTROL:
        raise open_already(opened)
    if copy.version in {found.release for found in site.registry.versions(request.name)}:
        raise bad_input(
            f"{request.name} has a version {copy.version}, the name that a copy would have",
            "register that one under another release",
        )
    refuse_foreign(site, request.name, history)
    return history, copy, opened


def check_deploy(site: Site, request: Request) -> tuple[History, Revision, Rollout | None]:
    """Whether a deploy may start, or goes on with the rollout that is open already."""
    _require_whole(site, request)
    if request.control:
        return check_control(site, request)
    candidate = revision(site, request.name, request.version)
    history = site.history(request.name)
    champion = history.champion
    opened = blocking(history)
    if opened is not None:
        same = (opened.verb, opened.candidate) == (Verb.DEPLOY, candidate)
        if same:
            return history, candidate, opened
        raise open_already(opened)
    if champion is None and not request.first:
        raise bad_input(
            f"{request.name} has no champion to compare {request.version} with",
            f"pincex deploy-model {request.name} {request.version} --first",
        )
    if champion is not None and request.first:
        raise bad_input(
            f"{request.name} has a champion, {champion.revision.version}; --first is for none",
            f"pincex deploy-model {request.name} {request.version}",
        )
    if champion is not None and champion.revision == candidate:
        raise bad_input(
            f"{request.version} is the champion of {request.name} already",
            f"pincex model-status {request.name}",
        )
    refuse_foreign(site, request.name, history)
    return history, candidate, None


def _require_whole(site: Site, request: Request) -> None:
    """A share of the requests is copied only where it can be told from the others."""
    share = request.sample or parse(request.policy_text).shadow.sample_percent / 100
    if not site.serving.shares_copies and (share < 1 or request.cap is not None):
        raise bad_input(
            "a gateway does not say which requests it copied, so a part of them is no evidence",
            "without --cap and --sample, and with sample_percent = 100 in the policy",
        )


def blocking(history: History) -> Rollout | None:
    """The open rollout, unless it is a control, which makes room for any other."""
    opened = history.open
    return None if opened is not None and opened.verb is Verb.CONTROL else opened


def open_already(opened: Rollout) -> Refused:
    """One rollout at a time: names the one there is, and how to end it."""
    name = opened.component
    return Refused(
        f"{opened.verb} {name} {opened.candidate.version} is open "
        f"({opened.phase}, since {opened.opened_at:%Y-%m-%d %H:%M:%S} UTC)",
        hint=f"pincex resume {name} follows it; pincex rollback-model {name} ends it, and returns "
        "to the version before, where one served",
    )


def refuse_application(history: History, name: str) -> None:
    """The verbs of models do not act on services."""
    if any(rollout.verb.of_release for rollout in history.rollouts):
        raise bad_input(
            f"{name} is an application, not a model", "pincex deploy VERSION, pincex rollback"
        )


def refuse_foreign(site: Site, name: str, history: History) -> None:
    """A foreign alias move blocks rollouts until somebody settles it."""
    strangers = aliases.foreign(history, site.registry.aliases(name))
    if strangers:
        raise Refused(
            f"{name}: {'; '.join(str(stranger) for stranger in strangers)}. "
            "Somebody moved it outside of pincex; traffic did not follow",
            hint=f"pincex resume {name} --keep-serving   or   --follow-alias",
        )
    serving = traffic(site, name).serving
    champion = history.champion
    if champion is not None and serving != champion.revision.version:
        raise Refused(
            f"{name}: {serving or 'no single version'} takes the traffic, the ledger says "
            f"{champion.revision.version}",
            hint=f"pincex resume {name}",
        )


def open_deploy(site: Site, request: Request, history: History, candidate: Revision) -> Rollout:
    """Write the row that opens the rollout, with the policy it will be held to."""
    from models.records import baseline_p95

    stable = history.champion.revision if history.champion else None
    policy = parse(request.policy_text)
    past = site.home.records / request.name / "traffic"
    text = request.policy_text
    if stable is not None:
        text = with_baseline_p95(text, baseline_p95(past, stable.version))
    sample = request.sample or policy.shadow.sample_percent / 100
    cap = request.cap or policy.shadow.max_copies_per_second
    if not site.serving.shares_copies:
        cap = UNCAPPED
    verb = Verb.CONTROL if request.control else Verb.DEPLOY
    return open_rollout(site, request.name, verb, stable, candidate, text, sample, cap)


def open_rollout(
    site: Site,
    name: str,
    verb: Verb,
    stable: Revision | None,
    candidate: Revision,
    policy_text: str,
    sample: float,
    cap: float,
    override: str | None = None,
) -> Rollout:
    """Append the opening row and return the rollout as the ledger has it now."""
    in_the_way = site.history(name).open
    if in_the_way is not None:
        raise open_already(in_the_way)
    told = {"policy": policy_text, "sample": sample, "cap": cap, "override": override}
    rollout_id = append_opening(site, name, verb, stable, candidate, told)
    opened = site.history(name).open
    if opened is None or opened.id != rollout_id:
        raise Refused("the ledger does not show the rollout just opened", hint="pincex history")
    return opened


def append_opening(
    site: Site,
    name: str,
    verb: Verb,
    stable: Revision | None,
    candidate: Revision,
    told: Mapping[str, Any],
) -> str:
    """Write the row that opens a rollout, with what else is told of it; its new id."""
    rollout_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"
    data = {
        "rollout": rollout_id,
        "verb": str(verb),
        "stable": as_data(stable),
        "candidate": as_data(candidate),
        **told,
    }
    site.ledger.append(OPENED, component=name, region=site.region, actor=actor(), data=data)
    return rollout_id


def share(percent: float | None) -> float | None:
    """A sample in percent as a fraction; outside (0, 100] it is bad input."""
    if percent is not None and not 0 < percent <= 100:
        raise bad_input(
            f"--sample {percent:g} is no share of requests", "--sample 25 copies a quarter"
        )
    return percent / 100 if percent is not None else None
