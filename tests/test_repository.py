"""What holds for every file of the repository."""

import re
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from tests.tree import PAGE, tree

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES = 450
MOST_MODULES = 20
SKIPPED = {".git", ".venv", "build", "__pycache__", ".pytest_cache", ".ruff_cache"}
TEXT = {".py", ".md", ".toml", ".json", ".yml", ".yaml", ".cfg", ".txt", ".v", ".sv", ".sh", ""}
# A home or scratch directory of whoever wrote the file: it means nothing to anybody else.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|work|tmp|Users|mnt)/\w")


def repository_files() -> list[Path]:
    """Files that git knows or would add; all files where there is no git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        paths = [ROOT / line for line in listed.stdout.splitlines()]
    except (OSError, subprocess.CalledProcessError):
        paths = [path for path in ROOT.rglob("*") if not SKIPPED & set(path.parts)]
    return [path for path in paths if path.is_file()]


def test_files_name_no_machine_paths():
    for path in repository_files():
        if path.suffix in TEXT and path != Path(__file__).resolve():
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                assert not MACHINE_PATH.search(line), f"{path.relative_to(ROOT)}:{number}: {line}"


@pytest.mark.parametrize("suffix", [".py", ".v", ".sv"])
def test_files_stay_small(suffix):
    for path in repository_files():
        if path.suffix == suffix:
            count = len(path.read_text().splitlines())
            assert count <= MOST_LINES, f"{path.relative_to(ROOT)} has {count} lines: split it"


def test_everything_is_packaged():
    """What pip installs is the whole tree: every package, and every file that is no Python."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = set(project["tool"]["setuptools"]["packages"])
    paths = [path.relative_to(ROOT) for path in repository_files()]
    top = {name.split(".")[0] for name in packages}
    apart = {"tests", "examples"}  # examples are run where they lie
    found = {path.parent for path in paths if path.suffix == ".py" and path.parts[0] not in apart}
    assert {".".join(folder.parts) for folder in found} == packages
    for name in packages:
        assert (ROOT / name.replace(".", "/") / "__init__.py").is_file(), f"{name}: no __init__.py"
    patterns = project["tool"]["setuptools"]["package-data"]["*"]
    for path in paths:
        if path.parts[0] in top and path.suffix != ".py":
            assert any(path.match(pattern) for pattern in patterns), f"{path} is not installed"


def test_one_licence():
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text()


def test_the_tree_of_folders_is_the_tree():
    assert tree() in PAGE.read_text(), "write it anew with: make docs"


def test_no_folder_is_too_full():
    """At most so many modules beside each other: beyond that a newcomer no longer sees rooms."""
    counts = Counter(path.parent for path in repository_files() if path.suffix == ".py")
    full = {str(folder): count for folder, count in counts.items() if count > MOST_MODULES + 1}
    assert not full
