"""Packages of the same names are found out before anything is imported from them."""

import shutil

import pytest

from onefour.packages import OURS, ROOT, conflict


@pytest.fixture
def installed(tmp_path):
    """A folder with the first file of each of our packages."""
    for name in OURS:
        (tmp_path / "ours" / name).mkdir(parents=True)
        shutil.copy(ROOT / name / "__init__.py", tmp_path / "ours" / name)
    return tmp_path / "ours"


def test_ours_are_in_nobodys_way(installed):
    assert conflict() == ""
    assert conflict(installed, [str(installed)]) == ""


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("kind", ["module", "package"])
def test_a_module_that_comes_first(installed, tmp_path, name, kind):
    theirs = tmp_path / "theirs"
    path = theirs / f"{name}.py" if kind == "module" else theirs / name / "__init__.py"
    path.parent.mkdir(parents=True)
    path.write_text("")
    found = conflict(installed, [str(theirs), str(installed)])
    assert found.startswith(f"{path} hides onefour's own package {name!r}")
    assert "a virtual environment of its own" in found


def test_a_package_installed_over_ours(installed):
    (installed / "arch" / "__init__.py").write_text("from arch.unitroot import ADF\n")
    found = conflict(installed, [str(installed)])
    assert found.startswith("another package 'arch' was installed over onefour's own in ")
    (installed / "arch" / "__init__.py").unlink()
    assert "hides onefour's own package 'arch'" in conflict(installed, [str(installed)])
    shutil.rmtree(installed / "arch")
    assert "its package 'arch' is missing" in conflict(installed, [str(installed)])
