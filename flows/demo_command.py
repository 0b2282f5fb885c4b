"""`demo`: the main job on the embedded default, told as it goes.

Not `flows/demo.py`: Prefect puts the folder of a flow's file first where modules are looked for.
"""

import argparse
import os
from math import inf
from typing import Any

from flows.local_site import say
from flows.refusal import Exit, Refused, bad_input
from flows.site import site

Answer = tuple[int, dict[str, Any], str]


def demo(options: argparse.Namespace) -> Answer:
    """Run the story in this site's home; the site stays up afterwards."""
    from demo.commands import DemoFailed
    from demo.story import Story, fresh

    here = site(options.site)
    if not 0 < options.rate < inf:
        raise bad_input(f"--rate {options.rate:g} is no rate", "--rate 300 sends 300 requests/s")
    os.environ["PINCEX_HOME"] = str(here.home.path)
    try:
        fresh(here.home.path)
        text = Story(here.home.path, options.rate, say).run()
    except DemoFailed as error:
        raise Refused(
            str(error),
            hint="pincex status; pincex down ends everything",
            code=Exit.FAILED,
            changed=f"The site in {here.home.path} is as the demo left it.",
        ) from error
    return Exit.DONE, {"site": here.name, "text": text}, text
