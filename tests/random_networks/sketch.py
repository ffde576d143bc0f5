"""What random networks are made of: names, constants, nodes as each opset spells them, weights."""

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"
CUSTOM = ("Quant", "IntQuant", "BipolarQuant", "MultiThreshold")
FLOATS = {np.float16: TensorProto.FLOAT16, np.float32: TensorProto.FLOAT,
          np.float64: TensorProto.DOUBLE}  # fmt: skip
OPSETS = [7, 9, 10, 11, 12, 13, 13, 14, 15, 16, 17, 17, 18, 19, 20, 21, 21, 21, 22, 23, 23]


@dataclass
class Feature:
    """A tensor of the network under construction."""

    name: str
    channels: int
    height: int
    width: int
    #: Rough magnitude of its values, to aim the next quantiser.
    size: float
    quantiser: tuple | None = None
    #: Falls below 0 and comes back: only a quantiser that starts at 0 makes steps of it.
    dips: bool = False

    @property
    def is_bipolar(self) -> bool:
        return self.quantiser is not None and self.quantiser[0] == "bipolar"


class Sketch:
    """A network under construction; every choice comes from ``rng``."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.opset = self.pick(OPSETS)
        self.dyadic = self.chance(0.4)
        #: Whether offsets are dyadic too, so that sums lie exactly on the quantisers' levels; in
        #: half of those networks not in the first layer, whose input is in units of 1/255.
        self.exact = self.dyadic and self.chance(0.5)
        #: Type of the network's floats.
        self.floating = self.pick([np.float32] * 8 + [np.float16, np.float64])
        styles = ["qonnx", "qdq", "qdq", "qcdq", "written", "mixed"]
        if not self.linear_types():
            styles = ["qonnx", "written"]
        self.style = self.pick(styles)
        self.domain = self.pick([QONNX, "onnx.brevitas", "finn.custom_op.general"])
        #: One initialiser for all equal constants.
        self.shares = self.chance(0.3)
        self.shared: dict[tuple, str] = {}
        self.nodes: list = []
        self.initialisers: list = []
        self.count = 0

    def linear_types(self) -> bool:
        """Whether QuantizeLinear takes the network's floats."""
        least = {np.float16: 19, np.float32: 10, np.float64: 99}
        return self.opset >= least[self.floating]

    # Small things

    def pick(self, choices):
        return choices[int(self.rng.integers(len(choices)))]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def name(self, base: str) -> str:
        self.count += 1
        return f"{base}{self.count}"

    def constant(self, value, kind=None) -> str:
        """An initialiser or, at times, a Constant node; of the network's floats if not told."""
        values = np.asarray(value, self.floating if kind is None else kind)
        key = values.dtype.str, values.shape, values.tobytes()
        if self.shares and key in self.shared:
            return self.shared[key]
        self.shared[key] = name = self.name("k")
        tensor = numpy_helper.from_array(values, name)
        if self.chance(0.15):
            self.nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        else:
            self.initialisers.append(tensor)
        return name

    def typed_constant(self, values: np.ndarray, kind: int) -> str:
        """An integer initialiser of any ONNX type, 4-bit ones included."""
        values = np.asarray(values).astype(int)
        key = kind, values.shape, values.tobytes()
        if self.shares and key in self.shared:
            return self.shared[key]
        self.shared[key] = name = self.name("q")
        self.initialisers.append(
            helper.make_tensor(name, kind, values.shape, values.ravel().tolist())
        )
        return name

    def node(self, op: str, inputs: list[str], **attributes) -> str:
        output = self.name(op.lower())
        label = output if self.chance(0.8) else ""
        domain = self.domain if op in CUSTOM else ""
        self.nodes.append(
            helper.make_node(op, inputs, [output], name=label, domain=domain, **attributes)
        )
        return output

    def scale(self, about: float) -> float:
        """A scale near ``about``: a power of two, or any float."""
        if self.dyadic:
            return float(2.0 ** np.round(np.log2(about)))
        return float(self.floating(about * self.rng.uniform(0.7, 1.4)))

    def like(self, x: Feature, name: str, size: float | None = None) -> Feature:
        return Feature(name, x.channels, x.height, x.width, x.size if size is None else size)

    # Nodes whose form depends on the opset

    def clip(self, x: str, low, high, kind=None) -> str:
        """Clip; either limit may be None."""
        if self.opset < 11:
            limits = {"min": low, "max": high}
            limits = {name: float(value) for name, value in limits.items() if value is not None}
            return self.node("Clip", [x], **limits)
        limits = ["" if value is None else self.constant(value, kind) for value in (low, high)]
        while limits and not limits[-1]:
            limits.pop()
        return self.node("Clip", [x, *limits])

    def pad(self, x: str, pads: list[int], value: float) -> str:
        """Pad rows and columns (top, left, bottom, right)."""
        everywhere = [0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3]]
        if self.opset < 11:
            return self.node("Pad", [x], pads=everywhere, value=float(value))
        return self.node("Pad", [x, self.constant(everywhere, np.int64), self.constant(value)])

    def part(self, x: str, start: int, stop: int) -> str:
        """Slice of the channels."""
        if self.opset < 10:
            return self.node("Slice", [x], starts=[start], ends=[stop], axes=[1])
        return self.node("Slice", [x, *(self.constant([v], np.int64) for v in (start, stop, 1))])

    # Weights

    def weights(self, shape: tuple[int, ...]) -> tuple[str, float]:
        """A weight tensor in any dialect and its rough magnitude."""
        bits = int(self.rng.integers(1, 5))
        forms = ["quant", "float", "odd"]
        if self.linear_types():
            forms += ["dq", "dq4", "clip", "blocked"]
        form = self.pick(forms)
        per_channel = self.chance(0.6) and self.floating is not np.float16
        scales = np.array([self.scale(0.1) for _ in range(shape[0])])
        scales = scales if per_channel else np.full(shape[0], scales[0])
        spread = scales.reshape(-1, 1, 1, 1)
        size = float(scales.mean()) * max(1.0, 2.0 ** (bits - 1) / 2)
        if bits == 1:
            signs = self.rng.choice([-1.0, 1.0], shape)
            if form in ("quant", "clip"):
                scale = spread if per_channel else scales[0]
                latent = self.constant(signs * self.rng.uniform(0, 1, shape))
                return self.node("BipolarQuant", [latent, self.constant(scale)]), size
            return self.constant(signs * spread), size
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        integers = self.rng.integers(low, high + 1, shape)
        if self.chance(0.1):
            integers[self.rng.random(shape) < 0.8] = 0
        if form == "odd":
            odd = self.rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), shape) * 2 + 1
            return self.constant(odd * 2.0**-4), 2.0 ** (bits - 4)
        if form == "quant":
            latent = (integers + self.rng.uniform(-0.4, 0.4, shape)) * spread
            parameters = [spread if per_channel else scales[0], 0.0, float(bits)]
            return self.node(
                self.pick(["Quant", "IntQuant"]),
                [self.constant(latent), *map(self.constant, parameters)],
                signed=1,
                narrow=int(self.rng.integers(2)),
                rounding_mode="ROUND",
            ), size
        if form == "float" or (form == "clip" and self.opset < 13):
            return self.constant(integers * (spread if self.dyadic else 2.0**-4)), 2.0 ** (bits - 5)
        return self.dequantised(form, integers, bits, scales, per_channel), size

    def dequantised(self, form: str, integers, bits: int, scales, per_channel: bool) -> str:
        """Weights through DequantizeLinear: signed or not, per tensor, channel or block."""
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        zero = 0
        kind, numpy_kind = TensorProto.INT8, np.int8
        if self.chance(0.3):
            zero, kind, numpy_kind = -low, TensorProto.UINT8, np.uint8
        elif self.chance(0.2) and bits < 4:
            zero = 1
        if form == "dq4" and self.opset >= 21:
            kind = TensorProto.UINT4 if kind == TensorProto.UINT8 else TensorProto.INT4
        per_channel = per_channel and self.opset >= 13
        stored = self.typed_constant(integers + zero, kind)
        if form == "clip" and self.opset >= 13:
            stored = self.clip(stored, low + zero, high + zero, numpy_kind)
        scale = scales.astype(self.floating) if per_channel else self.floating(scales[0])
        attributes = {"axis": 0} if per_channel else {}
        depth = integers.shape[1]
        if form == "blocked" and self.opset >= 21 and depth % 2 == 0:
            blocks = np.repeat(scales.reshape(-1, 1, 1, 1), 2, axis=1)
            if bits < 4:
                blocks[:, 1] *= 2
            scale = np.broadcast_to(blocks, (len(scales), 2, *integers.shape[2:]))
            attributes = {"axis": 1, "block_size": depth // 2}
        inputs = [stored, self.constant(scale)]
        if zero or self.chance(0.7):
            inputs.append(self.typed_constant(np.full(np.shape(scale), zero), kind))
        return self.node("DequantizeLinear", inputs, **attributes)
