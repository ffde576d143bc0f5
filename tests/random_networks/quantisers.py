"""Random quantisers of activations, in every dialect."""

import numpy as np
from onnx import TensorProto

from tests.random_networks.sketch import Feature, Sketch

ROUNDINGS = ["ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"]


class Quantisers(Sketch):
    """Draws quantisers as tuples (kind, parameters...) and writes them as nodes."""

    def zero_point(self, bits: int, signed: bool) -> int:
        """0, a small one, or any code."""
        low = -(2 ** (bits - 1)) if signed else 0
        high = low + 2**bits - 1
        if self.chance(0.7):
            return 0
        if self.chance(0.5):
            return int(min(high, self.rng.integers(0, 3)))
        return int(self.rng.integers(low, high + 1))

    def draw_quantiser(self, *, unsigned: bool = False) -> tuple:
        """Parameters of a quantiser for values of about unit size; ``unsigned``: from 0 up."""
        style = self.style
        if style == "mixed":
            style = self.pick(["qonnx", "qdq", "qcdq", "written"])
        if not unsigned:
            if style == "qonnx" and self.chance(0.35):
                return ("bipolar", self.scale(1.0))
            if self.opset >= 9 and self.chance(0.05):
                return ("sign",)
            if style == "qonnx" and self.chance(0.08):
                return ("multi", self.scale(0.5), self.pick([1, 3, 7, 15]), self.pick([0, -1, -4]))
        bits = int(self.rng.integers(1 if style == "qonnx" else 2, 5))
        signed = self.chance(0.4) and bits > 1 and not unsigned
        scale = self.scale(1.5 / 2 ** (bits - signed))
        zero = 0 if unsigned else self.zero_point(bits, signed)
        if style == "qonnx":
            narrow = int(self.chance(0.3) and bits > 1)
            rounding = "ROUND" if unsigned else self.pick(ROUNDINGS)
            return ("quant", scale, zero, bits, int(signed), narrow, rounding)
        if style == "written":
            return ("written", scale, bits, signed, self.pick(["Round", "Floor", "Ceil"]))
        return (style, scale, zero, bits, signed)

    def quantise(self, x: Feature, quantiser: tuple | None = None) -> Feature:
        """``x`` through a quantiser, a given one or a new one."""
        quantiser = quantiser or self.draw_quantiser(unsigned=x.dips)
        kind = quantiser[0]
        size = 1.0
        if kind == "bipolar":
            name = self.node("BipolarQuant", [x.name, self.constant(quantiser[1])])
            size = quantiser[1]
        elif kind == "multi":
            name = self.multiple(x, *quantiser[1:])
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

    def levels(self, x: Feature) -> list[float]:
        """Values that the quantiser of ``x`` can take, beside ±1: to pad with."""
        kind = x.quantiser[0] if x.quantiser else ""
        if kind == "written":
            _, scale, bits, signed, _ = x.quantiser
            zero = narrow = 0
        elif kind == "quant":
            _, scale, zero, bits, signed, narrow, _ = x.quantiser
        elif kind in ("qdq", "qcdq"):
            _, scale, zero, bits, signed = x.quantiser
            narrow = 0
        else:
            return []
        if bits < 2 or narrow:
            return []
        low = -(2 ** (bits - 1)) if signed else 0
        return [(code - zero) * scale for code in range(low, low + 2**bits)]

    def multiple(self, x: Feature, scale: float, count: int, bias: int) -> str:
        """MultiThreshold with thresholds per channel or for all."""
        shape = (x.channels if self.chance(0.6) else 1, count)
        thresholds = np.sort(self.rng.normal(0, 0.8, shape), axis=1)
        if self.exact:
            thresholds = np.round(thresholds * 8) / 8
        return self.node(
            "MultiThreshold",
            [x.name, self.constant(thresholds)],
            out_scale=scale,
            out_bias=scale * bias,
        )

    def written(self, x: str, scale: float, bits: int, signed: bool, rounding: str) -> str:
        """Div or Mul, rounding, Clip before or after, and back."""
        low = -(2 ** (bits - 1)) if signed else 0
        high = low + 2**bits - 1
        if self.opset < 11:  # no Round yet
            rounding = "Floor"
        if self.chance(0.5) and self.opset >= 11:
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
        inputs = [scale_name, self.typed_constant(np.array(zero), kind)]
        attributes = {}
        if not zero and self.opset >= 21 and self.chance(0.2):
            attributes = {"output_dtype": kind}
            inputs.pop()
        x = self.node("QuantizeLinear", [x, *inputs], **attributes)
        if style == "qcdq" and self.opset >= 13:
            x = self.clip(x, low, high, np.int8 if signed else np.uint8)
        elif style == "qcdq":
            x = self.node("DequantizeLinear", [x, *inputs])
            return self.clip(x, (low - zero) * scale, (high - zero) * scale)
        return self.node("DequantizeLinear", [x, *inputs])
