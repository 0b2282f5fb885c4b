"""What the shell starts: the command line, with Ctrl-C heard from the first import to the end."""

import atexit
import os
import signal
import sys


def main() -> int:
    """Run the verb of the command line; interrupted, also amid imports, it is held."""
    try:
        from flows.cli import main as run

        code = run()
    except KeyboardInterrupt:
        from flows.cli import interrupted

        code = interrupted(sys.argv[1:])
    # What is done is done, and Python takes a while to end: last of all it lets Ctrl-C kill it.
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGINT, lambda *_: os._exit(code))
    return code
