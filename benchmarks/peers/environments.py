"""Virtual environments of the packages that ours are compared with: `.venv-peers/NAME`, made when first asked for.

TensorFlow, Keras and NumPy are those that ours run with here. xplique 2.0.2 declares older ones than it needs, and the
builds of TensorFlow and PyTorch for graphics cards; so it comes without what it declares, and that is named here.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import requires, version
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".venv-peers"

_NEEDED = {
    "tensorflow": [
        *("cloudpickle", "decorator", "deprecated", "dm-tree", "einops", "imageio"),
        *("matplotlib", "opencv-python-headless", "scikit-image", "scikit-learn", "scipy<2"),
    ],
    "captum": ["captum==0.9.0", "torch==2.13.0"],
}
_AS_THEY_ARE = {
    "tensorflow": ["xplique==2.0.2", "tf-keras-vis==0.8.7", "tensorflow-probability==0.25.0", "tf-keras=={}.*"],
    "captum": [],
}


def python_with(name: str) -> Path:
    """Python of an environment: "tensorflow" has xplique, tf-keras-vis and what tswidgets needs, "captum" PyTorch."""
    folder, wanted, bare = FOLDER / name, *_requirements(name)
    python, stamp, installed = folder / "bin" / "python", folder / ".installed", "\n".join([*wanted, *bare])
    if stamp.exists() and stamp.read_text() == installed:
        return python
    print(f"Installing {folder.relative_to(ROOT)} …", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.check_call([sys.executable, ROOT / "tools" / "make_venv.py", folder])
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.check_call([*pip, *wanted])
    if bare:
        subprocess.check_call([*pip, "--no-deps", *bare])
    stamp.write_text(installed)
    return python


def _requirements(name: str) -> tuple[list[str], list[str]]:
    """What is installed with all that it needs, and what is installed as it is."""
    ours = [line for line in requires("tswidgets") or [] if "extra ==" not in line] if name == "tensorflow" else []
    same = [f"{package}=={version(package)}" for package in ("numpy", "keras", *(["tensorflow"] if ours else []))]
    minor = ".".join(version("tensorflow").split(".")[:2])
    return [*same, *ours, *_NEEDED[name]], [line.format(minor) for line in _AS_THEY_ARE[name]]
