"""A whole board: accelerator, memory controller, link and clocks, between the board's pins."""

from dataclasses import dataclass

from amaranth.hdl import ClockDomain, ClockSignal, Instance, Module, ResetSignal
from amaranth.lib import io, wiring

from arch.link import SILENCE_SECONDS
from arch.machine import Machine
from boards.link.end import LinkEnd
from boards.link.share import Share
from boards.platforms.board import Board
from boards.pll import Pll, PllSettings, pll_settings
from boards.sdram.controller import Controller
from boards.sdram.pads import Pads
from boards.sdram.part import usual_phase
from hw.streams import axi
from hw.streams.axi_pins import channels, payload_fields
from hw.streams.whole_beats import WholeBeats
from hw.yosys import to_verilog

TOP = "top"


@dataclass(frozen=True, kw_only=True)
class Design:
    """What a bitstream is made of. ``silence`` is in cycles, see :class:`LinkEnd`."""

    board: Board
    machine: Machine
    #: Asked for; the PLL makes this or a little less.
    clock_mhz: float
    #: Of the serial line; None: the board's.
    baud: float | None = None
    silence: int | None = None
    #: Of the memory's clock in ns; None: :func:`boards.sdram.part.usual_phase`.
    phase_ns: float | None = None

    @property
    def input_mhz(self) -> float:
        """Of the board's oscillator."""
        return self.board.platform().default_clk_frequency / 1e6

    @property
    def pll(self) -> PllSettings:
        bare = pll_settings(self.input_mhz, self.clock_mhz)
        phase = self.phase_ns
        if phase is None:
            phase = usual_phase(self.board.memory, bare.clock_mhz)
        return pll_settings(self.input_mhz, self.clock_mhz, phase)

    @property
    def line_baud(self) -> float:
        return self.board.baud if self.baud is None else self.baud

    @property
    def silent_cycles(self) -> int:
        if self.silence is None:
            return round(SILENCE_SECONDS * self.pll.clock_mhz * 1e6)
        return self.silence


class Top(wiring.Component):
    """The design; its only ports are the platform's."""

    def __init__(self, design: Design):
        self.design = design
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.domains += [ClockDomain("sync"), ClockDomain("memory", reset_less=True)]
        design, board = self.design, self.design.board
        beat_bits, pll = design.machine.axi_data_bits, design.pll

        def request(name, number=0):
            return platform.request(name, number, dir="-")

        m.submodules.pll = clocks = Pll(pll, design.input_mhz, request(platform.default_clk))
        if board.reset is not None:
            m.submodules.reset = button = io.Buffer("i", request(*board.reset))
            m.d.comb += clocks.reset.eq(button.i)

        # Memory.
        m.submodules.pads = pads = Pads(board.memory, request("sdram"))
        memory = Controller(board.memory, beat_bits, pll.clock_mhz)
        m.submodules.memory = memory
        for name in ("command", "bank", "address", "mask", "data_out", "data_enable"):
            m.d.comb += getattr(pads, name).eq(getattr(memory, name))
        m.d.comb += memory.data_in.eq(pads.data_in)
        m.submodules.share = share = Share(beat_bits, board.memory.size)
        for channel, _, _ in channels(share.memory.signature):
            wiring.connect(m, getattr(share.memory, channel), getattr(memory, channel))

        # The host.
        uart = request("uart")
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.tx = tx = io.FFBuffer("o", uart.tx)
        m.submodules.link = link = LinkEnd(
            beat_bits=beat_bits,
            silence=design.silent_cycles,
            baud=design.line_baud,
            clock_hz=pll.clock_mhz * 1e6,
            number=board.number,
        )
        m.d.comb += [
            link.rx.eq(rx.i),
            tx.o.eq(link.tx),
            link.memory_ready.eq(memory.ready),
            memory.late.eq(link.late),
            share.half.eq(link.half),
        ]
        for channel, _, _ in channels(link.memory):
            wiring.connect(m, getattr(link, channel), getattr(share.host, channel))

        # The accelerator, as its own Verilog.
        pins = {"i_clk": ClockSignal(), "i_rst": ResetSignal()}
        pins |= _pins("m_axi_", axi.read_signature(beat_bits), share.core)
        written, port = axi.write_signature(beat_bits), share.core
        if design.machine.transfer_bytes < design.machine.beat_bytes:
            m.submodules.whole = whole = WholeBeats(beat_bits)
            for channel, _, _ in channels(written):
                wiring.connect(m, getattr(whole.o, channel), getattr(share.core, channel))
            written, port = axi.write_signature(beat_bits, axi.WriteBurst), whole.i
        pins |= _pins("m_axi_", written, port)
        pins |= _pins("s_axil_", axi.lite_signature().flip(), link.lite)
        m.submodules.accelerator = Instance("accelerator", **pins)

        m.submodules.led = led = io.Buffer("o", _first(request(*board.led)))
        m.d.comb += led.o.eq(memory.ready)
        for name in board.kept_high:
            m.submodules[name] = kept = io.Buffer("o", request(name))
            m.d.comb += kept.o.eq(1)
        return m


def _first(port):
    """One pin of a resource: that of red where it has colours."""
    return port.r if hasattr(port, "r") else port


def _pins(prefix: str, signature: wiring.Signature, port) -> dict:
    """An instance's pins with AXI's names, for a port that has the other end's streams."""
    pins = {}
    for channel, sends, shape in channels(signature):
        out, back = ("o", "i") if sends else ("i", "o")
        stream = getattr(port, channel)
        payload = stream.p.as_value() if hasattr(stream.p, "as_value") else stream.p
        for suffix, (at, width) in payload_fields(channel, shape).items():
            pins[f"{out}_{prefix}{channel}{suffix}"] = payload[at : at + width]
        pins[f"{out}_{prefix}{channel}valid"] = stream.valid
        pins[f"{back}_{prefix}{channel}ready"] = stream.ready
    return pins


def design_files(design: Design) -> dict[str, str]:
    """The design as Amaranth's platform writes it: ``top.il`` (RTLIL), ``top.lpf`` and others."""
    plan = design.board.platform().build(
        Top(design), do_build=False, name=TOP, debug_verilog=False
    )
    return {
        name: text.decode() if isinstance(text, bytes) else text
        for name, text in plan.files.items()
    }


@dataclass(frozen=True, kw_only=True)
class Sources:
    """A design as text: Verilog of all but the accelerator, and what nextpnr must know of pins."""

    verilog: str
    constraints: str


def design_sources(design: Design) -> Sources:
    """Write the design with the platform's I/O cells; its module is ``TOP``."""
    files = design_files(design)
    return Sources(verilog=to_verilog(files[f"{TOP}.il"]), constraints=files[f"{TOP}.lpf"])
