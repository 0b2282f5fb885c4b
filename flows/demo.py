"""`demo`: the main job on the embedded default, told as it goes."""

import argparse
import os
from typing import Any

from flows.local_site import say
from flows.refusal import Exit, Refused
from flows.site import site

Answer = tuple[int, dict[str, Any], str]


def demo(options: argparse.Namespace) -> Answer:
    """Run the story in this site's home; the site stays up afterwards."""
    from demo.commands import DemoFailed
    from demo.story import Story, fresh

    here = site(options.site)
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
