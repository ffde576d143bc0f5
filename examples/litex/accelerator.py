"""The accelerator's Verilog as a LiteX module.

Its memory port goes to a port of LiteDRAM's crossbar of its own: on the SoC's bus LiteX would cut
AXI4 bursts into single words. Its registers are an AXI4-Lite region of the SoC's bus.
"""

from litedram.frontend.axi import LiteDRAMAXI2Native, LiteDRAMAXIPort
from litex.gen import LiteXModule
from litex.soc.integration.soc import LiteXSoC, SoCRegion
from litex.soc.interconnect.axi import AXIInterface, AXILiteInterface
from migen import ClockSignal, Instance, ResetSignal, Signal

ADDRESS_BITS = 32
REGISTER_ADDRESS_BITS = 8
REGION_BYTES = 1 << 12
#: Width of what each address channel says of its bursts; LiteX's own records are wider in places.
BURST = {"addr": ADDRESS_BITS, "len": 8, "size": 3, "burst": 2}


class Accelerator(LiteXModule):
    """An instance of the module ``accelerator``.

    Members
    -------
    memory : LiteDRAMAXIPort
        AXI4 as a manager, ``data_bits`` wide; addresses in bytes from the memory's start.
    control : AXILiteInterface
        AXI4-Lite as a subordinate: the registers of docs/isa.md.
    interrupt : Signal
    """

    def __init__(self, data_bits: int):
        self.memory = LiteDRAMAXIPort(
            data_width=data_bits, address_width=ADDRESS_BITS, id_width=1
        )
        self.control = AXILiteInterface(data_width=32, address_width=ADDRESS_BITS)
        self.interrupt = Signal()
        self._ports = {
            "i_clk": ClockSignal(), "i_rst": ResetSignal(), "o_irq": self.interrupt,
        }  # fmt: skip
        for name in ("aw", "ar"):
            channel = getattr(self.memory, name)
            for field, width in BURST.items():
                self._ports[f"o_m_axi_{name}{field}"] = wire = Signal(width)
                self.comb += getattr(channel, field).eq(wire)
        self._channels("m_axi", self.memory, sends=("aw", "w", "ar"))
        for name in ("aw", "ar"):
            address = getattr(self.control, name).addr
            self._ports[f"i_s_axil_{name}addr"] = address[:REGISTER_ADDRESS_BITS]
        self._channels("s_axil", self.control, sends=("b", "r"))
        self.specials += Instance("accelerator", **self._ports)

    def _channels(self, prefix: str, port: AXIInterface | AXILiteInterface, sends: tuple) -> None:
        """Connect ``valid``, ``ready`` and the data fields of each channel."""
        fields = {
            "aw": (), "ar": (), "b": ("resp",), "w": ("data", "strb"), "r": ("data", "resp"),
        }  # fmt: skip
        for name, own in fields.items():
            forth, back = ("o", "i") if name in sends else ("i", "o")
            channel = getattr(port, name)
            last = ("last",) if prefix == "m_axi" and name in ("w", "r") else ()
            for field in ("valid", *own, *last):
                self._ports[f"{forth}_{prefix}_{name}{field}"] = getattr(channel, field)
            self._ports[f"{back}_{prefix}_{name}ready"] = channel.ready

    def add_to(self, soc: LiteXSoC, origin: int) -> None:
        """Connect it to a SoC that has ``sdram``; ``origin``: of its registers on the bus."""
        port = soc.sdram.crossbar.get_port(data_width=self.memory.data_width)
        self.submodules += LiteDRAMAXI2Native(self.memory, port)
        region = SoCRegion(origin=origin, size=REGION_BYTES, cached=False)
        soc.bus.add_slave("accelerator", self.control, region)
