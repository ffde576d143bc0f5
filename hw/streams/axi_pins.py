"""AXI's customary signal names for the streams of ``hw.streams.axi``, for the outermost part."""

from amaranth.hdl import Module, Shape, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

SUFFIXES = {"address": "addr", "length": "len", "size": "size", "data": "data", "strobe": "strb",
            "response": "resp", "last": "last"}  # fmt: skip
SINGLE_FIELDS = {"aw": "address", "ar": "address", "b": "response"}
"""The field of a channel whose payload is not a struct."""
INCREMENTING = 1
"""AxBURST of a burst of consecutive addresses (AXI4, table A3-3)."""


def payload_fields(channel: str, shape) -> dict:
    """Return {suffix: (first bit, width)} of what a channel carries."""
    try:
        layout = data.Layout.cast(shape)
    except TypeError:
        return {SUFFIXES[SINGLE_FIELDS[channel]]: (0, Shape.cast(shape).width)}
    return {SUFFIXES[name]: (field.offset, field.width) for name, field in layout}


def channels(signature: wiring.Signature):
    """Yield name, whether this side sends, and payload shape of each channel."""
    for name, member in signature.members.items():
        yield name, member.flow == Out, member.signature.members["payload"].shape


def pins(prefix: str, signature: wiring.Signature) -> dict[str, wiring.Member]:
    """Return the members that an outermost component needs for a port of this signature.

    An AXI4 address channel (one with a length) also has ``burst``, and ``size`` where its payload
    has none, which never change.
    """
    members = {}
    for channel, sends, shape in channels(signature):
        forth, back = (Out, In) if sends else (In, Out)
        widths = {suffix: width for suffix, (_, width) in payload_fields(channel, shape).items()}
        if "len" in widths:
            widths = {"size": 3, "burst": 2} | widths
        members |= {f"{prefix}{channel}{suffix}": forth(width) for suffix, width in widths.items()}
        members |= {f"{prefix}{channel}valid": forth(1), f"{prefix}{channel}ready": back(1)}
    return members


def connect_pins(m: Module, outside: wiring.Component, prefix: str, port, beat_bytes: int) -> None:
    """Wire the members made by :func:`pins` to a component's port of the same signature."""
    for channel, sends, shape in channels(port.signature):

        def pin(suffix, channel=channel):
            return getattr(outside, f"{prefix}{channel}{suffix}")

        stream = getattr(port, channel)
        payload = Value.cast(stream.payload)
        fields = payload_fields(channel, shape)
        wires = [(pin(suffix), payload[at : at + width]) for suffix, (at, width) in fields.items()]
        wires.append((pin("valid"), stream.valid))
        if sends:
            m.d.comb += [outer.eq(inner) for outer, inner in wires]
            m.d.comb += stream.ready.eq(pin("ready"))
        else:
            m.d.comb += [inner.eq(outer) for outer, inner in wires]
            m.d.comb += pin("ready").eq(stream.ready)
        if "len" in fields:
            m.d.comb += pin("burst").eq(INCREMENTING)
            if "size" not in fields:
                m.d.comb += pin("size").eq((beat_bytes - 1).bit_length())
