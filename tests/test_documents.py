"""The documents point at things that exist."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PACKAGES = ("arch", "quant", "golden", "compiler", "hw", "sim", "boards", "onefour")
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
# `package.module.name` in running text; `python -m package.module` is no attribute.
DOTTED = re.compile(rf"`((?:{'|'.join(PACKAGES)})(?:\.\w+)+)`")


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target, part in LINK.findall(page.read_text()):
        if "://" in target:
            continue
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{page.name} links to {target}"
        if part and path.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            assert part in [anchor(heading) for heading in headings], f"{page.name}: #{part}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_names_of_the_code_exist(page):
    for name in DOTTED.findall(page.read_text()):
        if name.split(".")[0] == "quant":
            continue  # may need PyTorch
        module, found = name, None
        while found is None:
            try:
                found = importlib.import_module(module)
            except ModuleNotFoundError:
                module = module.rpartition(".")[0]
        for attribute in name.removeprefix(module).split(".")[1:]:
            found = getattr(found, attribute, None)
            assert found is not None, f"{page.name} names {name}, which does not exist"
