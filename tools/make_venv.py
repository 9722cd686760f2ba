"""`python3 tools/make_venv.py DIR`: a virtual environment with pip, also where Debian split `venv` off its Python.

As root the missing package is installed. Otherwise pip is fetched from the package index and its checksum compared.
Standard library only: nothing is installed yet.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
import venv
from pathlib import Path

OLDEST = (3, 11)


def main(folder: Path) -> None:
    if sys.version_info < OLDEST:
        sys.exit(
            f"Expected Python {OLDEST[0]}.{OLDEST[1]} or newer; got {sys.version.split()[0]} ({sys.executable}). "
            "Name another one: make PYTHON=python3.12 …"
        )
    if has_ensurepip() or (os.geteuid() == 0 and install_debian_package()):
        subprocess.check_call([sys.executable, "-m", "venv", "--clear", str(folder)])
        return
    venv.create(folder, with_pip=False, clear=True)
    wheel = fetch_pip(folder)
    subprocess.check_call([folder / "bin" / "python", f"{wheel}/pip", "install", "--no-index", "-q", str(wheel)])
    wheel.unlink()


def has_ensurepip() -> bool:
    return importlib.util.find_spec("ensurepip") is not None


def install_debian_package() -> bool:
    if shutil.which("apt-get") is None:
        return False
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.call(["apt-get", "update", "-qq"], env=env)
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    for package in (name, "python3-venv"):
        if subprocess.call(["apt-get", "install", "-y", "-qq", package], env=env) == 0:
            importlib.invalidate_caches()
            return subprocess.call([sys.executable, "-c", "import ensurepip"]) == 0
    return False


def fetch_pip(folder: Path) -> Path:
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/pip/"
    page = urllib.request.urlopen(index, timeout=60).read().decode()
    wheels = re.findall(r'href="([^"#]*/(pip-[\d.]+-py3-none-any\.whl))(?:#sha256=(\w+))?"', page)
    if not wheels:
        sys.exit(f"Expected wheels of pip at {index}; got none. Install Debian's python3-venv, then try again.")
    address, name, checksum = max(
        wheels, key=lambda wheel: [int(n) for n in re.findall(r"\d+", wheel[1].split("-")[1])]
    )
    data = urllib.request.urlopen(urllib.parse.urljoin(index, address), timeout=60).read()
    if checksum and hashlib.sha256(data).hexdigest() != checksum:
        sys.exit(f"Expected {name} with SHA-256 {checksum}; got another file. Try again.")
    wheel = folder / name
    wheel.write_bytes(data)
    return wheel


if __name__ == "__main__":
    main(Path(sys.argv[1]))
