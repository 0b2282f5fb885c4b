"""Whether flags in a ConfigMap have the variants that a release expects, in the form of flagd."""

import json
from collections.abc import Mapping
from typing import Any

from cluster.kubernetes.api import Api
from cluster.kubernetes.kinds import CONFIG_MAP
from rollout.checklist import Flags
from rollout.checklist_line import Line, Outcome

NAME = "flags"


def flag_lines(api: Api, told: Flags) -> list[Line]:
    """A line for each flag, or one that says why none of them can be read."""
    where = f"key {told.key} of ConfigMap {told.config_map}"
    found = api.find(CONFIG_MAP, told.config_map)
    text = ((found or {}).get("data") or {}).get(told.key)
    if text is None:
        return [Line(NAME, Outcome.FAIL, f"there is no {where}", "[flags] says where they are")]
    known = _flags(text)
    if known is None:
        right = '{"flags": {"NAME": {"state": "ENABLED", "defaultVariant": "on", ...}}}'
        return [Line(NAME, Outcome.FAIL, f"{where} is not of flagd's form", right)]
    return [_line(name, known.get(name), variant) for name, variant in told.expected.items()]


def _flags(text: str) -> Mapping[str, Any] | None:
    try:
        told = json.loads(text)
    except ValueError:
        return None
    found = told.get("flags") if isinstance(told, dict) else None
    fits = isinstance(found, dict) and all(isinstance(one, dict) for one in found.values())
    return found if fits else None


def _line(name: str, flag: Mapping[str, Any] | None, expected: str) -> Line:
    title, right = f"flag {name}", f'"defaultVariant": "{expected}"'
    if flag is None:
        return Line(title, Outcome.FAIL, "there is no such flag", right)
    if flag.get("state") != "ENABLED":
        return Line(title, Outcome.FAIL, f"its state is {flag.get('state')}", '"state": "ENABLED"')
    variant = flag.get("defaultVariant")
    if variant != expected:
        return Line(title, Outcome.FAIL, f"it is {variant}, not {expected}", right)
    targeted = "; its targeting, which may give others, was not looked at"
    said = f"it is {variant}{targeted if flag.get('targeting') else ''}"
    return Line(title, Outcome.OK, said)
