"""What random networks are made of: tensors, weights and quantisers in every dialect."""

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"
ROUNDINGS = ["ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"]


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

    @property
    def is_bipolar(self) -> bool:
        return self.quantiser is not None and self.quantiser[0] == "bipolar"


class Sketch:
    """A network under construction; every choice comes from ``rng``."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.dyadic = bool(self.rng.random() < 0.4)
        #: Whether offsets are dyadic too; not in the first layer, whose input is in units of 1/255.
        self.exact = False
        self.opset = int(self.rng.choice([11, 13, 17, 21]))
        self.nodes: list = []
        self.initialisers: list = []
        self.count = 0
        self.domain = self.pick([QONNX, "onnx.brevitas", "finn.custom_op.general"])
        self.style = self.pick(["qonnx", "qdq", "qcdq", "written", "mixed"])

    # Small things

    def pick(self, choices):
        return choices[int(self.rng.integers(len(choices)))]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def name(self, base: str) -> str:
        self.count += 1
        return f"{base}{self.count}"

    def constant(self, value, kind=np.float32) -> str:
        """An initialiser or, at times, a Constant node."""
        name = self.name("k")
        tensor = numpy_helper.from_array(np.asarray(value, kind), name)
        if self.chance(0.15):
            self.nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        else:
            self.initialisers.append(tensor)
        return name

    def typed_constant(self, values: np.ndarray, kind: int) -> str:
        """An integer initialiser of any ONNX type, 4-bit ones included."""
        name = self.name("q")
        self.initialisers.append(
            helper.make_tensor(name, kind, values.shape, values.astype(int).ravel().tolist())
        )
        return name

    def node(self, op: str, inputs: list[str], **attributes) -> str:
        output = self.name(op.lower())
        domain = self.domain if op in ("Quant", "IntQuant", "BipolarQuant") else ""
        label = output if self.chance(0.8) else ""
        self.nodes.append(
            helper.make_node(op, inputs, [output], name=label, domain=domain, **attributes)
        )
        return output

    def scale(self, about: float) -> float:
        """A scale near ``about``: a power of two, or any float32."""
        if self.dyadic:
            return float(2.0 ** np.round(np.log2(about)))
        return float(np.float32(about * self.rng.uniform(0.7, 1.4)))

    def clip(self, x: str, low, high, kind=np.float32) -> str:
        return self.node("Clip", [x, self.constant(low, kind), self.constant(high, kind)])

    # Weights

    def weights(self, shape: tuple[int, ...]) -> tuple[str, float]:
        """A weight tensor in any dialect and its rough magnitude."""
        bits = int(self.rng.integers(1, 5))
        form = self.pick(["quant", "dq", "dq4", "float", "odd", "clip"])
        per_channel = self.chance(0.6)
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
        if form == "dq4" and self.opset >= 21:
            kind = TensorProto.INT4
        else:
            kind = TensorProto.INT8
        per_channel &= self.opset >= 13
        zero = 1 if self.chance(0.2) and bits < 4 else 0
        stored = self.typed_constant(integers + zero, kind)
        if form == "clip":
            stored = self.clip(stored, low + zero, high + zero, np.int8)
        scale = scales.astype(np.float32) if per_channel else np.float32(scales[0])
        zeros = self.typed_constant(np.full(scale.shape, zero), kind)
        attributes = {"axis": 0} if per_channel else {}
        return self.node(
            "DequantizeLinear", [stored, self.constant(scale), zeros], **attributes
        ), size

    # Quantisers

    def draw_quantiser(self) -> tuple:
        """Parameters of a quantiser for values of about unit size."""
        style = (
            self.pick(["qonnx", "qdq", "qcdq", "written"]) if self.style == "mixed" else self.style
        )
        if style == "qonnx" and self.chance(0.35):
            return ("bipolar", self.scale(1.0))
        if self.chance(0.05):
            return ("sign",)
        bits = int(self.rng.integers(1 if style == "qonnx" else 2, 5))
        signed = self.chance(0.4) and bits > 1
        scale = self.scale(1.5 / 2 ** (bits - signed))
        if style == "qonnx":
            zero = int(self.rng.integers(0, 3)) if self.chance(0.2) and not signed else 0
            narrow = int(self.chance(0.3) and bits > 1)
            return ("quant", scale, zero, bits, int(signed), narrow, self.pick(ROUNDINGS))
        if style == "written":
            return ("written", scale, bits, signed, self.pick(["Round", "Floor", "Ceil"]))
        zero = int(self.rng.integers(0, 3)) if self.chance(0.3) and not signed else 0
        return (style, scale, zero, bits, signed)

    def quantise(self, x: Feature, quantiser: tuple | None = None) -> Feature:
        """``x`` through a quantiser, a given one or a new one."""
        quantiser = quantiser or self.draw_quantiser()
        kind = quantiser[0]
        size = 1.0
        if kind == "bipolar":
            name = self.node("BipolarQuant", [x.name, self.constant(quantiser[1])])
            size = quantiser[1]
        elif kind == "sign":
            name = self.node("Sign", [x.name])
        elif kind == "quant":
            scale, zero, bits, signed, narrow, mode = quantiser[1:]
            parameters = [self.constant(v) for v in (scale, float(zero), float(bits))]
            name = self.node(
                self.pick(["Quant", "IntQuant"]),
                [x.name, *parameters],
                signed=signed,
                narrow=narrow,
                rounding_mode=mode,
            )
        elif kind == "written":
            name = self.written(x.name, *quantiser[1:])
        else:
            name = self.linear(x.name, *quantiser)
        return Feature(name, x.channels, x.height, x.width, size, quantiser)

    def written(self, x: str, scale: float, bits: int, signed: bool, rounding: str) -> str:
        """Div or Mul, rounding, Clip before or after, and back."""
        low = -(2 ** (bits - 1)) if signed else 0
        high = low + 2**bits - 1
        if self.chance(0.5):
            x = self.clip(x, low * scale, high * scale)
            x = self.node("Mul", [x, self.constant(1 / scale)])
            x = self.node("Round", [x])
        else:
            x = self.node("Div", [x, self.constant(scale)])
            x = self.node(rounding, [x])
            x = self.clip(x, low, high)
        return self.node("Mul", [x, self.constant(scale)])

    def linear(self, x: str, style: str, scale: float, zero: int, bits: int, signed: bool) -> str:
        """QuantizeLinear, where needed Clip, and DequantizeLinear."""
        low = -(2 ** (bits - 1)) if signed else 0
        high = low + 2**bits - 1
        narrow_type = style == "qdq" and bits == 4 and self.opset >= 21 and self.chance(0.7)
        if narrow_type:
            kind = TensorProto.INT4 if signed else TensorProto.UINT4
        else:
            kind = TensorProto.INT8 if signed else TensorProto.UINT8
            if style == "qdq":  # limits in front, as where a bounded activation is quantised
                x = self.clip(x, (low - zero) * scale, (high - zero) * scale)
        scale_name = self.constant(scale)
        zero_name = self.typed_constant(np.array(zero), kind)
        x = self.node("QuantizeLinear", [x, scale_name, zero_name])
        if style == "qcdq" and self.opset >= 13:
            x = self.clip(x, low, high, np.int8 if signed else np.uint8)
        elif style == "qcdq":
            x = self.node("DequantizeLinear", [x, scale_name, zero_name])
            return self.clip(x, (low - zero) * scale, (high - zero) * scale)
        return self.node("DequantizeLinear", [x, scale_name, zero_name])
