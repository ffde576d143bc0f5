"""Networks with known results that are not in this repository, through the whole product."""

import pytest

from tests import cases


@pytest.mark.real
def test_known_results(real_data, capsys):
    folder = real_data / "cases"
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}")
    status = cases.main([str(folder)])
    assert status == 0, capsys.readouterr().out
