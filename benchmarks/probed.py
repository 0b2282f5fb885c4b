"""An interpreter that brings the probes along: a venv over the venv of the checkout."""

import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROBES = ("clock_probe", "step_probe")
PARTS = ("step_doors",)


def probed_python(directory: Path) -> Path:
    """Make it in `directory`; what runs under it, and all it starts, can be watched.

    Processes of a site get a chosen environment, so neither PYTHONPATH nor a hook of the caller's
    would reach them; but all are started with the interpreter that their command runs under.
    """
    python = directory / "bin" / "python"
    packages = directory / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    packages.mkdir(parents=True)
    python.parent.mkdir()
    python.symlink_to(Path(sys._base_executable))
    home = Path(sys._base_executable).parent
    (directory / "pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n")
    # Processed in the order of their names: the probes before any package is imported.
    (packages / "a_probes.pth").write_text("".join(f"import {name}\n" for name in PROBES))
    (packages / "b_packages.pth").write_text(
        f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    )
    for name in (*PROBES, *PARTS):
        (packages / f"{name}.py").symlink_to(HERE / f"{name}.py")
    return python
