"""Where the product keeps what takes long to make and is the same for every network."""

import os
from pathlib import Path

CACHE_VARIABLE = "ONEFOUR_CACHE"
CACHE = Path("build") / ".cache"
"""In the working directory; ``compiler build`` makes ``build/NAME`` for a network NAME."""


def cache_folder(kind: str) -> Path:
    """The folder that ONEFOUR_CACHE names, or the one for ``kind`` in the working directory."""
    return Path(os.environ.get(CACHE_VARIABLE) or CACHE / kind).absolute()
