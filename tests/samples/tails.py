"""What real detectors compute behind their last convolutions, in small.

Each adds heads behind ``x`` [1, 8, 8, 8], a map of stride 8, and what follows to a network, and
names the heads.
"""

import numpy as np
from onnx import ModelProto

from tests.samples.qdq_net import QdqNet
from tests.samples.small_onnx import Net

CLASSES = 3
SIZE = 64


def begun(**options) -> tuple[Net, str]:
    """A network of a 64 x 64 picture, begun: a map of stride 8 in 4-bit codes.

    Its quantisers are such that onnxruntime computes the file.
    """
    net = QdqNet(shape=(1, 3, SIZE, SIZE), **options)
    x, depth = net.picture(), 3
    for channels in (4, 8, 8):
        x = net.conv(x, channels, depth, 3, strides=[2, 2])
        x, depth = net.coded(net.node("Relu", x), 0.25, 0, bits=4), channels
    return net, x


def named(net: Net) -> ModelProto:
    """The model with the names of its classes, as exporters write them."""
    model = net.model()
    entry = model.metadata_props.add()
    entry.key, entry.value = "names", "{0: 'cat', 1: 'dog', 2: 'car'}"
    return model


def shaped(net: Net, x: str, *shape: int) -> str:
    return net.node("Reshape", x, net.constant(shape, np.int64))


def cells(size: int, width: int) -> np.ndarray:
    """Columns and rows of the cells of a square map, float [1, 2, cells] in steps of ``size``."""
    y, x = np.mgrid[:width, :width]
    return np.stack([x.reshape(-1), y.reshape(-1)])[None] * float(size)


def anchors(net: Net, x: str) -> tuple[str, ...]:
    """As YOLOv5: [1, 3 * 64 + 3 * 16, 5 + classes], boxes centre and size in pixels."""
    heads, parts = [], []
    for stride, width in ((8, 8), (16, 4)):
        source = x if stride == 8 else net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
        head = net.conv(source, 3 * (5 + CLASSES), 8, 1)
        heads.append(head)
        y = shaped(net, head, 1, 3, 5 + CLASSES, width, width)
        y = net.node("Sigmoid", net.node("Transpose", y, perm=[0, 1, 3, 4, 2]))
        sizes = net.constant([2, 2, 1 + CLASSES], np.int64)
        xy, wh, rest = net.node("Split", y, sizes, axis=4, outputs=3)
        grid = cells(1, width).transpose(0, 2, 1).reshape(1, 1, width, width, 2)
        xy = net.node("Mul", net.node("Add", net.node("Mul", xy, 2.0), grid - 0.5), float(stride))
        wh = net.node("Mul", net.node("Pow", net.node("Mul", wh, 2.0), 2.0), 12.0)
        y = net.node("Concat", xy, wh, rest, axis=4)
        parts.append(shaped(net, y, 1, -1, 5 + CLASSES))
    net.outputs.append(net.node("Concat", *parts, axis=1))
    return tuple(heads)


def anchor_free(net: Net, x: str) -> tuple[str, ...]:
    """As YOLOX: [1, 64, 5 + classes], centre and size in cells and logarithms, still to decode."""
    boxes, objects, classes = (net.conv(x, n, 8, 1) for n in (4, 1, CLASSES))
    parts = [boxes, net.node("Sigmoid", objects), net.node("Sigmoid", classes)]
    flat = shaped(net, net.node("Concat", *parts, axis=1), 1, 5 + CLASSES, -1)
    net.outputs.append(net.node("Transpose", flat, perm=[0, 2, 1]))
    return boxes, objects, classes


def distribution(net: Net, x: str, bins: int = 4) -> tuple[str, ...]:
    """As YOLOv8: [1, 4 + classes, 64 + 16]; boxes are expectations of ``bins`` distances."""
    heads, parts, places, strides = [], [], [], []
    for stride, width in ((8, 8), (16, 4)):
        source = x if stride == 8 else net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
        boxes, classes = net.conv(source, 4 * bins, 8, 1), net.conv(source, CLASSES, 8, 1)
        heads += [boxes, classes]
        both = net.node("Concat", boxes, classes, axis=1)
        parts.append(shaped(net, both, 1, 4 * bins + CLASSES, -1))
        places.append(cells(1, width) + 0.5)
        strides.append(np.full((1, 1, width * width), float(stride)))
    sizes = net.constant([4 * bins, CLASSES], np.int64)
    boxes, classes = net.node(
        "Split", net.node("Concat", *parts, axis=2), sizes, axis=1, outputs=2
    )
    y = net.node("Transpose", shaped(net, boxes, 1, 4, bins, -1), perm=[0, 2, 1, 3])
    y = net.node("Softmax", y, axis=1)
    y = net.node("Conv", y, np.arange(bins).reshape(1, bins, 1, 1))
    y = shaped(net, y, 1, 4, -1)
    low, high = net.node("Split", y, net.constant([2, 2], np.int64), axis=1, outputs=2)
    place = np.concatenate(places, 2)
    first, last = net.node("Sub", place, low), net.node("Add", place, high)
    centre = net.node("Div", net.node("Add", first, last), 2.0)
    box = net.node("Concat", centre, net.node("Sub", last, first), axis=1)
    box = net.node("Mul", box, np.concatenate(strides, 2))
    net.outputs.append(net.node("Concat", box, net.node("Sigmoid", classes), axis=1))
    return tuple(heads)
