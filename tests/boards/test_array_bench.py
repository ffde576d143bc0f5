"""The array with its operand memories goes through the tools under its own name."""

import json

import pytest

from arch.machine import TINY
from boards.array_bench import main, measure_array, records
from tests.boards.reports import REPORT, STATISTICS


def test_the_array_is_what_is_measured(tool, tmp_path):
    tool(
        f"""echo '{json.dumps(STATISTICS)}' > yosys_stat.json\n"""
        """echo '{"modules": {}}' > netlist.json\n"""
        f"echo '{json.dumps(REPORT)}' > seed7.json"
    )
    report = measure_array(TINY, tmp_path, [7])
    wrapper = (tmp_path / "pinless.v").read_text()
    assert "operand_array core (" in wrapper
    names = {record["name"] for record in records(report, TINY, "command")}
    assert {"array.tiny.clock", "array.tiny.slots"} <= names


def test_mistakes_end_at_once(capsys):
    with pytest.raises(SystemExit):
        main(["--seeds", "x"])
    assert "must be numbers like 1,2,3, not 'x'" in capsys.readouterr().err
