"""The LiteX example: its host's end of UARTBone; the SoC elaborates; a frame through it."""

import importlib.util
import json
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from arch.machine import TINY
from host.device import DeviceError
from host.link import LinkError
from tests.samples.small_onnx import small_build

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "litex"
MEMORY, REGISTERS, CONTROL = 0x4000_0000, 0x8000_0000, 0x1000
SOC = {"memory": MEMORY, "registers": REGISTERS, "clock": 50e6, "levelling": None}
CSR = {"sdram_dfii_control": {"addr": CONTROL}}
needs_litex = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("litex", "litedram", "liteeth", "litex_boards"))),
    reason="LiteX is not installed: pip install '.[litex]'",
)


def _bridge_module():
    specification = importlib.util.spec_from_file_location("bridge", EXAMPLE / "bridge.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


class Uartbone:
    """UARTBone as LiteX's source describes it: words of a bus over a line of bytes."""

    baud, latency, silence = 3e6, 0.1, 0.0

    def __init__(self):
        self.words: dict[int, int] = {}
        self.answers = b""

    def write(self, content: bytes) -> None:
        kind, count, word = struct.unpack_from(">BBI", content)
        if kind == 1:
            values = struct.unpack_from(f">{count}I", content, 6)
            self.words |= {4 * (word + at): value for at, value in enumerate(values)}
        else:
            assert kind == 2
            values = (self.words.get(4 * (word + at), 0) for at in range(count))
            self.answers += struct.pack(f">{count}I", *values)

    def read(self, count: int, seconds: float) -> bytes:
        found, self.answers = self.answers[:count], self.answers[count:]
        return found

    def now(self) -> float:
        return 0.0


@pytest.fixture
def line():
    return Uartbone()


@pytest.fixture
def bridge(line):
    return _bridge_module().Bridge(line, SOC, CSR)


def test_memory_is_little_endian(bridge, line, rng):
    content = rng.bytes(3000)  # more than a command takes
    heard = []
    bridge.write(0x100, content, heard.append)
    assert line.words[MEMORY + 0x100] == int.from_bytes(content[:4], "little")
    assert bridge.read(0x100, len(content)) == content
    assert sum(heard) == len(content)


def test_pixels_have_a_fourth_byte(bridge):
    bridge.write_pixels(0, bytes(range(1, 7)))
    assert bridge.read(0, 8) == bytes([1, 2, 3, 0, 4, 5, 6, 0])


def test_registers(bridge, line):
    bridge.write_register(0x20, 4096)
    assert line.words[REGISTERS + 0x20] == 4096
    assert bridge.read_registers([0x20, 0x24]) == [4096, 0]


def test_silence_is_told(bridge, line, monkeypatch):
    monkeypatch.setattr(line, "read", lambda count, seconds: b"\0")
    with pytest.raises(LinkError, match="answers 1 of 4 bytes"):
        bridge.read_register(0)


DELAYS = {
    f"ddrphy_{name}": {"addr": CONTROL + 4 * place}
    for place, name in enumerate(
        ("dly_sel", "rdly_dq_rst", "rdly_dq_inc", "rdly_dq_bitslip_rst", "rdly_dq_bitslip"), 1
    )
}


class Levelled(Uartbone):
    """Of a DDR3's two bytes each is read right within a window of its own: (bit slip, delays)."""

    def __init__(self, windows):
        super().__init__()
        self.windows, self.set, self.chosen = windows, [[0, 0], [0, 0]], 0

    def write(self, content: bytes) -> None:
        kind, _, word = struct.unpack_from(">BBI", content)
        name = next((n for n, at in DELAYS.items() if at["addr"] == 4 * word), "")
        if kind == 1 and name.endswith("sel"):
            (self.chosen,) = struct.unpack_from(">I", content, 6)
        elif kind == 1 and name:
            for lane in range(2):
                if self.chosen >> lane & 1:
                    what = 0 if "bitslip" in name else 1
                    new = 0 if name.endswith("rst") else self.set[lane][what] + 1
                    self.set[lane][what] = new % (8 if what else 4)
        else:
            super().write(content)

    def read(self, count: int, seconds: float) -> bytes:
        found = bytearray(super().read(count, seconds))
        for lane, (slip, delays) in enumerate(self.windows):
            if self.set[lane][0] != slip or self.set[lane][1] not in delays:
                for at in range(1 - lane, count, 2):  # words come with their highest byte first
                    found[at] ^= 0x55
        return bytes(found)


def test_reads_of_ddr3_are_levelled():
    line = Levelled([(2, (0, 1, 4, 5, 6)), (0, (7,))])
    bridge = _bridge_module().Bridge(line, SOC, DELAYS)
    assert bridge.level_reads(lanes=2, bitslips=4, delays=8) == [(2, 5), (0, 7)]
    assert line.set == [[2, 5], [0, 7]]
    assert line.chosen == 0


def test_ddr3_that_is_never_read_right():
    bridge = _bridge_module().Bridge(Levelled([(1, (3,)), (1, ())]), SOC, DELAYS)
    with pytest.raises(DeviceError, match=r"byte 1 of the DDR3's width .* each of 4 bit slips"):
        bridge.level_reads(lanes=2, bitslips=4, delays=8)


def _run(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def _soc(folder: Path, *arguments: object) -> None:
    ended = _run(EXAMPLE / "soc.py", "--machine", "tiny", "-o", folder, *arguments)
    assert ended.returncode == 0, ended.stderr


@needs_litex
@pytest.mark.parametrize(
    ("board", "first", "levelling"),
    [
        ("ulx3s", "Bring CKE high", None),
        ("ecpix5", "Release reset", {"lanes": 2, "bitslips": 4, "delays": 8}),
    ],
)
def test_the_soc_elaborates(tmp_path, board, first, levelling):
    """Every port of the accelerator is connected, and the description is whole."""
    _soc(tmp_path, "--fabric", "ecp5", "--board", board)
    soc = (tmp_path / "gateware" / "soc.v").read_text()
    instance = re.search(r"^accelerator accelerator *\((.*?)\);", soc, re.MULTILINE | re.DOTALL)
    connected = set(re.findall(r"^\s*\.(\w+) ", instance[1], re.MULTILINE))
    module = re.search(
        r"^module accelerator\((.*?)\);", (tmp_path / "accelerator.v").read_text(),
        re.MULTILINE | re.DOTALL,
    )  # fmt: skip
    assert connected == set(re.findall(r"\w+", module[1]))
    told = json.loads((tmp_path / "soc.json").read_text())
    assert told["machine"] == "tiny"
    assert told["initialisation"][0]["what"] == first
    assert told["levelling"] == levelling
    registers = json.loads((tmp_path / "csr.json").read_text())["csr_registers"]
    needed = {"sdram_dfii_control", "sdram_dfii_pi0_command_issue"}
    assert needed | set(DELAYS if levelling else ()) <= set(registers)


WITHOUT_ACCELERATOR = """
import sys
from pathlib import Path
example, verilog, folder, clock = sys.argv[1:]
sys.path.insert(0, example)
from gateware import make_gateware
from socs import Soc, write
from arch.machine import TINY
from boards.devices import LFE5UM5G_45F
device = LFE5UM5G_45F
soc = Soc.of("ecpix5", TINY, device=device.name, clock=float(clock), baud=3e6)
where = write(soc, Path(verilog), Path(folder))
print(make_gateware(soc, Path(verilog), where, device=device, seed=1).table())
"""


@needs_litex
@pytest.mark.synth
def test_the_bitstream_of_a_soc(tmp_path):
    """LiteX's SoC with DDR3, but for its accelerator, placed and routed for an ECP5-5G."""
    empty = ROOT / "tests" / "boards" / "no_accelerator.v"
    ended = _run("-c", WITHOUT_ACCELERATOR, EXAMPLE, empty, tmp_path, "75e6")
    assert ended.returncode == 0, ended.stderr
    report = json.loads((tmp_path / "gateware" / "gateware.json").read_text())
    assert report["device"] == "LFE5UM5G-45F"
    assert report["possible_mhz"] >= report["clock_mhz"] == 75
    assert (tmp_path / "gateware" / "soc.bit").stat().st_size > 100_000
    too_fast = _run("-c", WITHOUT_ACCELERATOR, EXAMPLE, empty, tmp_path, "180e6")
    assert "not the 180.00 MHz of its PLL" in too_fast.stderr
    assert re.search(r"try --clock \d+e6, or another --seed", too_fast.stderr)
    assert not (tmp_path / "gateware" / "soc.bit").exists()


@needs_litex
def test_a_device_that_a_board_is_not_made_with(tmp_path):
    ended = _run(EXAMPLE / "soc.py", "--board", "ecpix5", "--device", "LFE5U-25F", "-o", tmp_path)
    assert ended.returncode == 2
    assert "ECPIX-5 is not made with 'LFE5U-25F'; --device: LFE5UM5G-45F, LFE5UM5G-85F" in (
        ended.stderr
    )


@needs_litex
@pytest.mark.parametrize("clock", ["900e6", "1e3"])
def test_a_clock_that_no_pll_makes(tmp_path, clock):
    ended = _run(EXAMPLE / "soc.py", "--board", "ecpix5", "--clock", clock, "-o", tmp_path)
    assert ended.returncode == 2
    assert f"LiteX makes no clock of {float(clock) / 1e6:g} MHz for the ECPIX-5" in ended.stderr


@needs_litex
@pytest.mark.slow
@pytest.mark.cosim
def test_a_frame_through_litex(tmp_path):
    """Program, picture and results over UARTBone; memory behind LiteDRAM's pads is golden's."""
    build, picture = small_build(tmp_path, TINY)
    _soc(tmp_path / "soc", "--fabric", "generic", "--baud", "5e6")
    ended = _run(
        EXAMPLE / "frame.py", build, "--soc", tmp_path / "soc", "--image", picture,
        "--simulate", "--whole-link",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "equal golden; no breach of its timing since" in ended.stdout
