"""The log: a row for each epoch, and none twice."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from quant.runs.log import COLUMNS, Log, read_log


def row(epoch: int, **values: float) -> dict[str, float]:
    return {"epoch": epoch, "rate": 0.5, "loss": 1.25 * epoch, **values}


def test_rows_come_back(tmp_path):
    log = Log(tmp_path)
    for epoch in range(3):
        log.write(row(epoch, **({"ap50": 0.75} if epoch == 2 else {})))
    log.close()
    found = read_log(tmp_path / "log.csv")
    assert [r["epoch"] for r in found] == ["0", "1", "2"]
    assert [r["loss"] for r in found] == ["0.0", "1.25", "2.5"]
    assert [r["ap50"] for r in found] == ["", "", "0.75"]
    assert tuple(found[0]) == COLUMNS
    assert list((tmp_path / "events").glob("events*"))


def test_rows_of_later_epochs_are_dropped(tmp_path):
    log = Log(tmp_path)
    for epoch in range(4):
        log.write(row(epoch))
    log.close()
    whole = (tmp_path / "log.csv").read_bytes()
    log = Log(tmp_path, epochs=2)
    assert [r["epoch"] for r in read_log(tmp_path / "log.csv")] == ["0", "1"]
    for epoch in (2, 3):
        log.write(row(epoch))
    log.close()
    assert (tmp_path / "log.csv").read_bytes() == whole


def test_a_new_training_starts_empty(tmp_path):
    log = Log(tmp_path)
    log.write(row(0))
    log.close()
    Log(tmp_path).close()
    assert read_log(tmp_path / "log.csv") == []


def test_columns_that_there_are_not(tmp_path):
    log = Log(tmp_path)
    with pytest.raises(ValueError, match="los"):
        log.write({"epoch": 0, "los": 1.0})
    log.close()


def test_no_log(tmp_path):
    assert read_log(tmp_path / "log.csv") == []
