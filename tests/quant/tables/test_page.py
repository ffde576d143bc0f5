"""Generated parts go between their markers, and nowhere else."""

import pytest

pytest.importorskip("torch")

from quant.errors import TrainingError
from quant.tables.page import write_page


def test_only_the_named_part_changes(tmp_path):
    page = tmp_path / "page.md"
    other = "b\n<!-- begin y -->\n<!-- end y -->\n"
    page.write_text(f"a\n<!-- begin x -->\nold\n<!-- end x -->\n{other}")
    write_page(page, "x", "new")
    assert page.read_text() == f"a\n<!-- begin x -->\nnew\n<!-- end x -->\n{other}"


@pytest.mark.parametrize("text", ["no markers", "<!-- end x --> <!-- begin x -->"])
def test_a_page_without_markers_is_named(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(TrainingError, match="page.md: needs one line"):
        write_page(page, "x", "new")
    assert page.read_text() == text
