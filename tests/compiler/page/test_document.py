"""The page in the documents is the one that today's compiler makes."""

from pathlib import Path

import compiler.__main__

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_in_the_documents(tmp_path):
    model = ROOT / "examples" / "shapes" / "shapes.onnx"
    given = ["build", str(model), "--board", "ecp5-25f", "--no-check", "--no-verilog"]
    assert compiler.__main__.main([*given, "-o", str(tmp_path / "build")]) == 0
    target = tmp_path / "page.html"
    assert compiler.__main__.main(["report", str(tmp_path / "build"), "-o", str(target)]) == 0
    kept = ROOT / "docs" / "shapes_ecp5_25f.html"
    assert target.read_text() == kept.read_text(), "make docs"
