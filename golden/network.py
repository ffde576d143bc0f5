"""The integer network: what the compiler's front end produces and everything after it must equal.

Every tensor is an array of unsigned codes [channels, height, width]. A code stands for the integer
``step * code + offset`` (in units of the tensor's ``scale``): unsigned codes with zero point z have
step 1, offset -z; +-1 codes have step 2, offset -1. Operators are defined on those integers, so an
integer network has one meaning, whatever the ONNX dialect it came from.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

#: Most bits of a code.
WIDEST_CODE = 8


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A quantised feature map; value = scale * (step * code + offset)."""

    name: str
    channels: int
    height: int
    width: int
    #: Code width, 1..WIDEST_CODE (the picture: 8); codes are 0..2**bits-1.
    bits: int
    scale: float
    step: int = 1
    offset: int = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.channels, self.height, self.width


@dataclass(frozen=True, kw_only=True, eq=False)
class Thresholds:
    """Per-channel step function from integer sums to codes.

    code = number of k with ``sign[c] * v >= levels[c, k]``; ``levels`` int64 [channels, L],
    ascending along k; ``sign`` int8 [channels], +1 or -1 (for a channel whose function falls). A
    level that is always passed is ``-FAR``, one that never is ``+FAR``.
    """

    levels: np.ndarray
    sign: np.ndarray

    FAR = 1 << 40


@dataclass(frozen=True, kw_only=True, eq=False)
class Product:
    """Thresholds of more than 4 bits as the float32 product that they come from.

    code = clip(rint(float32(factor[c] * v + bias[c]) * multiplier[c]) + zero, low, high): the sum
    and the product are rounded to float32, the product to a whole number, all half to even.
    ``factor`` and ``bias`` int64 [channels], ``multiplier`` float32 [channels], positive.
    """

    factor: np.ndarray
    bias: np.ndarray
    multiplier: np.ndarray
    zero: int
    low: int
    high: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Convolution:
    """v = sum over taps of integer(input) * weights; codes by ``thresholds``, or v itself if None.

    ``weights`` int32 [out, in / groups, kh, kw]; ``pads`` (top, left, bottom, right); positions
    in the padding have the integer value ``pad_value`` (0 for ONNX Conv, -1 for a +-1 tensor
    padded by Pad). Where there is a ``table``, uint8 [1 or out, levels + 1], the result is the
    table's code for the code of the thresholds, and ``between`` is the tensor of the latter. A
    ``product`` gives the codes of the thresholds for every sum, for machines that multiply.
    """

    name: str
    input: str
    output: str
    weights: np.ndarray
    thresholds: Thresholds | None
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    groups: int = 1
    pad_value: int = 0
    table: np.ndarray | None = None
    between: str = ""
    product: Product | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)


@dataclass(frozen=True, kw_only=True, eq=False)
class WeightedSum:
    """v = sum_i factors[i] * integer(inputs[i]), per channel; codes by ``thresholds``.

    Two inputs: a residual Add. One input: a change of scale, zero point or width (requantisation).
    """

    name: str
    inputs: tuple[str, ...]
    output: str
    factors: tuple[int, ...]
    thresholds: Thresholds


@dataclass(frozen=True, kw_only=True, eq=False)
class TableSum:
    """v = tables[0][code of the first input] + tables[1][code of the second input].

    A residual Add of two tensors whose scales have no small ratio, or of functions of them: each
    table, int32 [codes], holds its input's share in units of 2^-``fraction`` code of the result,
    which is v >> ``fraction``, at least ``low`` and at most ``high``.
    """

    name: str
    inputs: tuple[str, str]
    output: str
    tables: tuple[np.ndarray, np.ndarray]
    fraction: int
    low: int
    high: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Lookup:
    """A code for every code: ``table`` uint8 [1 or channels, codes of the input]."""

    name: str
    input: str
    output: str
    table: np.ndarray

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)


@dataclass(frozen=True, kw_only=True)
class MaxPool:
    """Maximum of codes over a window; padding never wins."""

    name: str
    input: str
    output: str
    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)


@dataclass(frozen=True, kw_only=True)
class Concat:
    """Channels of the inputs, one after another; all inputs share scale, step, offset and bits."""

    name: str
    inputs: tuple[str, ...]
    output: str


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Channels ``start`` up to, not including, ``stop``."""

    name: str
    input: str
    output: str
    start: int
    stop: int

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)


@dataclass(frozen=True, kw_only=True)
class Upsample:
    """Nearest-neighbour enlargement by 2 in both directions: out[y, x] = in[y // 2, x // 2]."""

    name: str
    input: str
    output: str

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)


@dataclass(frozen=True, kw_only=True)
class Interleave:
    """One map of four: out[2 y + a, 2 x + b] = inputs[2 a + b][y, x]; all share their encoding."""

    name: str
    inputs: tuple[str, str, str, str]
    output: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Output:
    """What the host reads of the network: the sums ``tensor`` of a Convolution without thresholds;
    within a network, of a HostMap, codes too.

    float value = v * scale[c] + bias[c] of sums or codes v; ``scale`` and ``bias`` float64
    [channels].
    """

    name: str
    tensor: str
    scale: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class HostPiece:
    """Operators in mid-network that the array does not have: the host computes them.

    ``compute`` makes float values [channels, height, width] of ONNX tensors from those of
    ``reads``, by name; ``model`` is the ONNX file that does.
    """

    name: str
    reads: tuple[Output, ...]
    compute: Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]
    model: bytes


@dataclass(frozen=True, kw_only=True, eq=False)
class HostMap:
    """Codes that the host makes in mid-network: those of the values of ONNX tensor ``made``.

    All of these are levels of the output tensor; ``rounded`` is the ONNX tensor that a quantiser
    makes them of. ``piece``: what computes them, and all other maps that are made at the same time.
    """

    name: str
    output: str
    made: str
    rounded: str
    reads: tuple[Output, ...]
    piece: HostPiece | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(read.tensor for read in self.reads))


Operator = (
    Convolution
    | WeightedSum
    | TableSum
    | Lookup
    | MaxPool
    | Concat
    | Slice
    | Upsample
    | Interleave
    | HostMap
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """An integer network in execution order.

    ``tensors`` holds the description of every code tensor (not of raw sums); ``onnx_names`` maps
    a code tensor to the ONNX tensor whose value it is, where there is one.
    """

    name: str
    input: str
    tensors: dict[str, Tensor]
    operators: tuple[Operator, ...]
    outputs: tuple[Output, ...]
    onnx_names: dict[str, str] = field(default_factory=dict)
    #: Shape [channels, height, width] of every raw-sum tensor.
    raw_shapes: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    #: Tensors of codes that the host reads beside the outputs.
    shown: tuple[str, ...] = ()
    #: Code of ``input`` for every byte of the picture, uint8 [256]; None: the bytes are the codes.
    picture_table: np.ndarray | None = None

    def shape(self, tensor: str) -> tuple[int, int, int]:
        """[channels, height, width] of codes or raw sums."""
        raw = self.raw_shapes.get(tensor)
        return self.tensors[tensor].shape if raw is None else raw

    @property
    def pieces(self) -> tuple[HostPiece, ...]:
        """What the host computes in mid-network, in order."""
        found = (each.piece for each in self.operators if isinstance(each, HostMap))
        return tuple(dict.fromkeys(piece for piece in found if piece is not None))
