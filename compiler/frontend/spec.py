"""Operators by what they mean to the front end: every set of names that passes go by, once.

Three more follow from tables of functions and stand beside those: operators on single elements
(``operators.elementwise.ELEMENTWISE``), those of them on integers (``integers.OPERATORS``), and
those that never fall (``operators.elementwise.RISING``). What a graph holds after which pass is in
``stages``. An operator that only moves what it gets is added here, with its shape in
``operators.shapes``, its form in a pass, and its operator of the network in ``build_network``.
"""

CONVOLUTIONS = frozenset({"Conv", "ConvInteger"})
"""Sums of products with weights: where an elementwise function of sums starts, and where a network
can be cut."""

CONVOLUTIONS_IN_FILES = CONVOLUTIONS | {"ConvTranspose", "QLinearConv"}
"""Operators of any file, supported or not, that are a network's convolutions: the last of them are
its heads."""

UNFOLDING = frozenset({"DepthToSpace"})
"""Operators of the file, not supported by themselves, whose results are all elements of their first
input: Interleave of Slices from ``resolve_depth_to_space`` on."""

SHAPES = frozenset({"Shape", "Size"})
"""Read the shape of a tensor, not its values."""

SAME_VALUES = frozenset({"Reshape", "Transpose", "Identity", "Cast", "Squeeze", "Unsqueeze"})
"""Operators of any file whose results are the elements of their first input, in another order or
shape."""

REORDERING = frozenset({"Reshape", "Transpose", "Gather", "Squeeze", "Unsqueeze", "Flatten"})
"""Operators of the file, not supported by themselves, whose results are elements of their first
input, chosen by constants: a shuffle of channels is made of them."""

CUTTING = frozenset({"Slice", "Split"})
"""Operators of the file whose results are parts of their first input."""

ROUNDING = frozenset({"Round", "Floor", "Ceil", "Sign", "BitShift"})
"""Elementwise operators that make few values of many; so do comparisons and a Cast to integers."""

AVERAGES = frozenset({"AveragePool", "GlobalAveragePool"})
"""Convolutions with equal weights; Conv from ``resolve_windows`` on."""

RESIZING = frozenset({"Resize", "Upsample"})
"""Enlargement as files have it; Enlarge, by 2, from ``resolve_resize`` on."""

PADDING = frozenset({"Pad"})
"""Moving operators whose result holds one value more, the attribute ``value``."""

MOVING_IN_FILES = frozenset({"MaxPool", "Concat", "Split", "Slice"}) | RESIZING | PADDING
"""Operators of the file whose results are elements of their inputs, of any type: integers stay
integers of their type."""

MADE_EARLY = frozenset({"Interleave"})
"""Operators of the graph that rewrites make of others of the file (``rewrites``)."""

HOST = "HostMap"
"""A float map that the host makes in mid-network (``split.pieces``), up to its quantiser."""

STRUCTURAL = CONVOLUTIONS | AVERAGES | MOVING_IN_FILES | MADE_EARLY
"""Operators of the file that are supported besides the elementwise ones."""

MOVING = frozenset({"MaxPool", "Enlarge", "Pad", "Slice", "Concat", "Interleave"})
"""Operators of the graph, once its forms are resolved, whose results are elements of their inputs
(or a padding value): few values before them are few values after them."""

MOVING_CODES = MOVING - PADDING
"""Moving operators that take and give codes, and are operators of the integer network. Pad is not
one: its value need not be a level."""

WITHIN_CHANNELS = frozenset({"MaxPool", "Enlarge", "Pad"})
"""Moving operators of one input whose channel c depends on its channel c only: a Slice of channels
can stand before them, and each channel keeps its values."""

JOINED_CODES = frozenset({"Concat", "Interleave"})
"""Moving operators of several inputs, whose encodings must be equal."""

QUANTISED_BEFORE = WITHIN_CHANNELS | JOINED_CODES
"""Moving operators that a quantiser and its elementwise function can stand before instead of
after them, channel by channel (``hoist_quantisers``)."""

UNIFORM_QUANTISERS = frozenset({"Quant", "IntQuant"})
"""One operator under its two names: evenly spaced levels, as many as its bit width has."""

QUANTISERS = UNIFORM_QUANTISERS | {"BipolarQuant", "MultiThreshold"}
"""QONNX operators with scales, zero points, bit widths or thresholds among their operands, which
must be constants."""

QDQ = frozenset({"QuantizeLinear", "DequantizeLinear"})
"""ONNX operators whose range is the type of the zero point; attributes low and high from
``fold_constants`` on."""

LIMITING = frozenset({"Identity", "Dropout", "Relu", "Clip"})
"""Elementwise operators that stand before a quantiser without changing what it rounds: they are
limits of its codes."""

LEAVING = frozenset({"DequantizeLinear"})
"""Take integers to floats: after them a network is computed in float64."""

INTEGERS_ONLY = frozenset({"ConvInteger", "BitShift"})
"""Defined on integers alone."""

JOINING = frozenset({"Add", "Sub", "Max", "Min"})
"""Elementwise operators that may combine two tensors of integers."""

ADDING = frozenset({"Add", "Sub"})
"""Elementwise operators whose result is the sum of a share of each operand."""

STEERED = (MOVING_IN_FILES - {"MaxPool", "Concat"}) | {"Cast", "DequantizeLinear"}
"""Their operands after the first are shapes, scales and sections, not of their tensor's type."""

AFFINE = frozenset(
    {"Identity", "Dropout", "Cast", "Mul", "Add", "Sub", "Div", "Neg", "BatchNormalization"}
)
"""Elementwise operators that, with constants, are a factor and an offset per channel: these may
stand between a network's sums and its outputs."""

HAVING_FORMS = AVERAGES | RESIZING | CUTTING | {"Concat", "MaxPool"}
"""Supported operators of which the host takes the forms that are not, in mid-network."""

PRODUCTS = frozenset({"Mul", "Div"})
"""Elementwise operators that are none of the array's for two tensors that are not functions of
one."""

ROW_OPERANDS = frozenset({"MultiThreshold"})
"""Their constants have a row per channel, [channels or 1, n], where those of other elementwise
operators are [1, channels or 1, 1, 1]."""

CHANNEL_VECTORS = frozenset({"BatchNormalization"})
"""Their constants are vectors per channel, which ONNX does not broadcast."""

SEVERAL_RESULTS = frozenset({"Split"})
"""Operators of which more than the first result may be used."""

UNKNOWN = "Unknown"
"""What an operator becomes that cannot be taken over, while obstacles are collected: a tensor of
which nothing is known but its shape. Never in a graph that becomes a network."""

FLOAT_RESULTS = LEAVING | {UNKNOWN, HOST}
"""Their results are computed in float64, whatever goes in."""


def channel_axis(op: str) -> int:
    """The axis of the channels in the constants of an elementwise operator."""
    return 0 if op in ROW_OPERANDS else 1
