"""Shapes of results, for the operators of the front end (ONNX documentation, opset 1..25)."""

import math

import numpy as np

from compiler.errors import ReadError, UnsupportedError
from compiler.frontend import spec
from compiler.frontend.ir import Node
from compiler.frontend.operators.elementwise import ELEMENTWISE

Shape = tuple[int, ...]
#: No scale or size of a Resize reaches this.
LARGEST_SIZE = 1 << 20


def pair(node: Node, attribute: str, default: tuple[int, int] | None = None) -> tuple[int, int]:
    """A two-number attribute; UnsupportedError where it has another length."""
    value = node.attributes.get(attribute, default)
    if not isinstance(value, tuple) or len(value) != 2 or min(value) < 1:
        raise UnsupportedError(
            f"{node}: {attribute} must be two numbers of 1 or more (height, width), not {value}."
        )
    return value


def window_pads(
    node: Node, size: tuple[int, int], kernel: tuple[int, int], dilations: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Pads (top, left, bottom, right) of a Conv or pooling node, auto_pad and ceil_mode resolved.

    With ceil_mode 1 the last, incomplete window counts unless it starts in the padding; more
    padding at the end gives the same windows.
    """
    strides = pair(node, "strides", (1, 1))
    mode = node.attributes.get("auto_pad", "NOTSET")
    before, after = [], []
    given = node.attributes.get("pads", (0, 0, 0, 0))
    if mode in ("NOTSET", "") and (len(given) != 4 or min(given) < 0):
        raise UnsupportedError(f"{node}: pads must be four numbers of 0 or more, not {given}.")
    for axis in range(2):
        reach = (kernel[axis] - 1) * dilations[axis] + 1
        if mode in ("NOTSET", ""):
            low, high = given[axis], given[axis + 2]
        elif mode == "VALID":
            low = high = 0
        elif mode in ("SAME_UPPER", "SAME_LOWER"):
            windows = -(-size[axis] // strides[axis])
            total = max(0, (windows - 1) * strides[axis] + reach - size[axis])
            small, large = total // 2, total - total // 2
            low, high = (small, large) if mode == "SAME_UPPER" else (large, small)
        else:
            raise UnsupportedError(
                f"{node}: auto_pad {mode!r} is not known; supported are NOTSET, VALID, "
                "SAME_UPPER and SAME_LOWER."
            )
        if node.attributes.get("ceil_mode", 0):
            windows = -(-(size[axis] + low + high - reach) // strides[axis]) + 1
            if (windows - 1) * strides[axis] >= size[axis] + low:
                windows -= 1
            high = max(high, (windows - 1) * strides[axis] + reach - size[axis] - low)
        before.append(low)
        after.append(high)
    return before[0], before[1], after[0], after[1]


def window_shape(
    node: Node, source: Shape, channels: int, kernel: tuple[int, int], pads: Shape
) -> Shape:
    """Result of a Conv or pooling node with ``pads`` (top, left, bottom, right)."""
    strides = pair(node, "strides", (1, 1))
    dilations = pair(node, "dilations", (1, 1))
    size = []
    for axis in range(2):
        reach = (kernel[axis] - 1) * dilations[axis] + 1
        room = source[axis + 2] + pads[axis] + pads[axis + 2] - reach
        if room < 0:
            raise ReadError(
                f"{node}: the window ({reach} positions with dilation) is larger than its input "
                f"{source} with pads {pads}. The file is damaged or the picture size too small."
            )
        size.append(room // strides[axis] + 1)
    return (source[0], channels, *size)


def need_map(node: Node, shape: Shape | None) -> Shape:
    """The shape, if it is that of a feature map [1, C, H, W]."""
    if shape is None or len(shape) != 4 or shape[0] != 1:
        raise UnsupportedError(
            f"{node}: input {node.operand(0)!r} has shape {shape}; feature maps [1, channels, "
            "height, width] are supported."
        )
    return shape


def infer(node: Node, shapes: dict[str, Shape], constants: dict[str, np.ndarray]) -> Shape | None:
    """Shape of a node's (first) result, or None where that is not known."""
    source = shapes.get(node.operand(0))
    if node.op == spec.HOST:
        return node.attributes["shape"]
    if node.op in ELEMENTWISE:
        known = [shapes.get(tensor) for tensor in node.inputs if tensor]
        if None in known or not known:
            return source
        if node.op in ("BatchNormalization", "MultiThreshold", "PRelu") or "Quant" in node.op:
            return source
        if node.op in spec.QDQ:
            return source
        try:
            return tuple(np.broadcast_shapes(*known))
        except ValueError as error:
            raise ReadError(f"{node}: operand shapes {known} do not fit together.") from error
    if source is None:
        return None
    match node.op:
        case "Quantise":
            return source
        case "Enlarge":
            return (*source[:2], 2 * source[2], 2 * source[3])
        case "Conv" | "ConvInteger":
            source = need_map(node, source)
            weights = shapes.get(node.operand(1))
            if weights is None or len(weights) != 4 or min(weights) < 1:
                raise UnsupportedError(
                    f"{node}: weights {node.operand(1)!r} have shape {weights}; "
                    "[out, in, height, width] is supported."
                )
            kernel = weights[2:]
            pads = window_pads(node, source[2:], kernel, pair(node, "dilations", (1, 1)))
            return window_shape(node, source, weights[0], kernel, pads)
        case "ConvTranspose":
            weights = shapes.get(node.operand(1))
            if weights is None or len(source) != 4 or not is_four_convolutions(node, weights):
                return None
            return (1, weights[1], 2 * source[2], 2 * source[3])
        case "DepthToSpace":
            block = node.attributes.get("blocksize", 0)
            if len(source) != 4 or block < 1 or source[1] % block**2:
                return None
            return (source[0], source[1] // block**2, block * source[2], block * source[3])
        case "MaxPool" | "AveragePool":
            source = need_map(node, source)
            kernel = pair(node, "kernel_shape")
            pads = window_pads(node, source[2:], kernel, pair(node, "dilations", (1, 1)))
            return window_shape(node, source, source[1], kernel, pads)
        case "GlobalAveragePool":
            return (*source[:2], *[1] * (len(source) - 2))
        case "Concat":
            known = [shapes.get(tensor) for tensor in node.inputs]
            axis = node.attributes.get("axis", 1)
            if None in known or not -len(source) <= axis < len(source):
                return None
            axis %= len(source)
            if any(s[:axis] + s[axis + 1 :] != source[:axis] + source[axis + 1 :] for s in known):
                raise ReadError(f"{node}: input shapes {known} do not fit together.")
            total = sum(shape[axis] for shape in known)
            return (*source[:axis], total, *source[axis + 1 :])
        case "Resize" | "Upsample":
            found = resize_scales(node, source, constants)
            return found and found[0]
        case "Pad":
            pads = pad_amounts(node, len(source), constants)
            if pads is None:
                return None
            rank = len(source)
            return tuple(source[i] + pads[i] + pads[i + rank] for i in range(rank))
        case "Slice":
            ranges = slice_ranges(node, source, constants)
            return ranges and tuple(len(range(*bounds)) for bounds in ranges)
        case "Split":
            sizes = split_sizes(node, source, constants)
            axis = node.attributes.get("axis", 0) % len(source)
            return sizes and (*source[:axis], sizes[0], *source[axis + 1 :])
    return None


def is_four_convolutions(node: Node, weights: Shape) -> bool:
    """Whether a ConvTranspose doubles a map, each position making four of its own."""
    given = node.attributes
    return (
        len(weights) == 4
        and weights[2:] == (2, 2)
        and tuple(given.get("strides", (1, 1))) == (2, 2)
        and tuple(given.get("dilations", (1, 1))) == (1, 1)
        and not any(given.get("pads", ()))
        and not any(given.get("output_padding", ()))
        and given.get("group", 1) == 1
        and given.get("auto_pad", "NOTSET") in ("NOTSET", "", "VALID")
        and "output_shape" not in given
    )


def integers(constants: dict[str, np.ndarray], tensor: str) -> tuple[int, ...] | None:
    """A constant list of integers, or None where the tensor is absent or not constant."""
    if tensor not in constants:
        return None
    return tuple(int(value) for value in constants[tensor].reshape(-1))


def pad_amounts(node: Node, rank: int, constants: dict[str, np.ndarray]) -> tuple[int, ...] | None:
    """All 2 * rank pads of Pad (1: paddings; 2: pads; 11: inputs; 18: axes), begins first."""
    pads = node.attributes.get("pads", node.attributes.get("paddings"))
    if pads is None:
        pads = integers(constants, node.operand(1))
    axes = integers(constants, node.operand(3))
    axes = tuple(range(rank)) if axes is None else tuple(axis % rank for axis in axes)
    if pads is None or len(pads) != 2 * len(axes):
        return None
    result = [0] * (2 * rank)
    for place, axis in enumerate(axes):
        result[axis] = pads[place]
        result[axis + rank] = pads[place + len(axes)]
    return tuple(result)


def slice_ranges(
    node: Node, shape: Shape, constants: dict[str, np.ndarray]
) -> tuple[tuple[int, int, int], ...] | None:
    """(start, stop, step) per axis of a Slice node (1: attributes; 10 and later: inputs)."""
    if "starts" in node.attributes:
        starts, stops = node.attributes["starts"], node.attributes.get("ends")
        axes, steps = node.attributes.get("axes"), None
    else:
        starts, stops, axes, steps = (integers(constants, node.operand(i)) for i in range(1, 5))
        if any(node.operand(i) and node.operand(i) not in constants for i in range(1, 5)):
            return None
    if starts is None or stops is None:
        return None
    axes = tuple(range(len(starts))) if axes is None else axes
    steps = (1,) * len(starts) if steps is None else steps
    result = [(0, size, 1) for size in shape]
    for axis, start, stop, step in zip(axes, starts, stops, steps, strict=True):
        if not -len(shape) <= axis < len(shape) or step == 0:
            return None
        result[axis] = slice(start, stop, step).indices(shape[axis])
    return tuple(result)


def split_sizes(
    node: Node, shape: Shape, constants: dict[str, np.ndarray]
) -> tuple[int, ...] | None:
    """Sizes of the parts of a Split node (2: attribute; 13: input; 18: num_outputs)."""
    axis = node.attributes.get("axis", 0)
    if not -len(shape) <= axis < len(shape):
        return None
    size, parts = shape[axis], len(node.outputs)
    sizes = node.attributes.get("split") or integers(constants, node.operand(1))
    if sizes is None:
        part = -(-size // parts)
        sizes = (*[part] * (parts - 1), size - part * (parts - 1))
    if len(sizes) != parts or sum(sizes) != size or min(sizes) < 1:
        raise ReadError(f"{node}: parts {sizes} do not add up to the {size} of its input.")
    return sizes


def resize_axes(node: Node, rank: int) -> tuple[int, ...]:
    """The axes that scales or sizes are for (18: attribute); UnsupportedError if they are none."""
    given = node.attributes.get("axes", tuple(range(rank)))
    axes = tuple(axis + rank if axis < 0 else axis for axis in given)
    if len(set(axes)) != len(axes) or any(not 0 <= axis < rank for axis in axes):
        raise UnsupportedError(f"{node}: axes {given} are not different axes of {rank}.")
    return axes


def resize_scales(
    node: Node, source: Shape, constants: dict[str, np.ndarray]
) -> tuple[Shape, tuple[float, ...]] | None:
    """Shape of the result of Resize (10 and later) or Upsample (7, 9), and the scale of every axis.

    None where scales and sizes are not constant. Given sizes define the scales.
    """
    if "scales" in node.attributes:
        scales, sizes = node.attributes["scales"], None
    else:
        after_roi = 1 if node.op == "Upsample" or node.attributes.get("opset", 13) < 11 else 2
        scales, sizes = (constants.get(node.operand(place)) for place in (after_roi, 3))
    empty = [value is None or not np.size(value) for value in (scales, sizes)]
    if all(empty):
        return None
    axes = resize_axes(node, len(source))
    given = np.asarray(sizes if empty[0] else scales, np.float64).reshape(-1)
    if given.size != len(axes) or not ((given > 0) & (given < LARGEST_SIZE)).all():
        raise UnsupportedError(
            f"{node}: {'sizes' if empty[0] else 'scales'} {given.tolist()} for axes {axes} of "
            f"{source} are not supported; supported is nearest enlargement by 2 in height and "
            "width, scales [1, 1, 2, 2]."
        )
    shape, factors = list(source), [1.0] * len(source)
    for axis, value in zip(axes, given.tolist(), strict=True):
        shape[axis] = int(value) if empty[0] else math.floor(source[axis] * value)
        factors[axis] = shape[axis] / source[axis] if empty[0] else value
    return tuple(shape), tuple(factors)
