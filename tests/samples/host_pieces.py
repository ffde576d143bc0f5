"""Networks with operators in mid-network that the array does not have, in small.

Each goes on behind them with convolutions. Their quantisers are such that onnxruntime computes
the file; ``bits`` are those of the codes between layers.
"""

import numpy as np

from tests.samples.qdq_net import QdqNet
from tests.samples.tails import shaped

SIDE = 8
"""Of the maps behind the first convolution."""
STEP = 0.0613
"""Of the codes in and behind attention."""


def convolved(net: QdqNet, x: str, channels: int, depth: int, bits: int, kernel: int = 1) -> str:
    """A convolution whose sums may become codes of so many bits."""
    if bits > 4:
        return net.weighted(x, channels, depth, kernel=kernel, pads=[kernel // 2] * 4)
    return net.conv(x, channels, depth, kernel)


def begun(bits: int, **options) -> tuple[QdqNet, str]:
    """A picture of 16 x 16 and a map of 8 channels, in codes."""
    net = QdqNet(shape=(1, 3, 2 * SIDE, 2 * SIDE), **options)
    x = convolved(net, net.picture(), 8, 3, bits, 3)
    x = net.node("Relu", x)
    x = net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    return net, net.coded(x, 0.2297, 0, bits=bits)


def ended(net: QdqNet, x: str, bits: int) -> QdqNet:
    """One more layer, and a head."""
    x = net.coded(net.node("Relu", convolved(net, x, 8, 8, bits, 3)), 0.2297, 0, bits=bits)
    net.head(x, 8)
    return net


def attended(net: QdqNet, x: str, bits: int) -> str:
    """Attention between the places of ``x`` [1, 8, side, side], and what is added to it there."""
    half = 1 << bits - 1
    qkv = net.coded(convolved(net, x, 12, 8, bits), STEP, half, bits=bits)
    flat = shaped(net, qkv, 1, 12, SIDE * SIDE)
    q, k, v = net.node("Split", flat, net.constant([2, 2, 8], np.int64), axis=1, outputs=3)
    scores = net.node("MatMul", net.node("Transpose", q, perm=[0, 2, 1]), k)
    weights = net.node("Softmax", net.node("Mul", scores, 4.0), axis=-1)
    made = net.node("MatMul", v, net.node("Transpose", weights, perm=[0, 2, 1]))
    made = net.coded(shaped(net, made, 1, 8, SIDE, SIDE), STEP, half, bits=bits)
    values = net.coded(shaped(net, v, 1, 8, SIDE, SIDE), STEP, half, bits=bits)
    placed = net.coded(convolved(net, values, 8, 8, bits, 3), STEP, half, bits=bits)
    return net.coded(net.node("Add", made, placed), STEP, half, bits=bits)


def attention(bits: int = 4, blocks: int = 1, **options) -> QdqNet:
    """One block of attention or several, with a skip over each, as YOLO11 has them."""
    net, x = begun(bits, **options)
    half = 1 << bits - 1
    for _ in range(blocks):
        added = net.coded(convolved(net, attended(net, x, bits), 8, 8, bits), STEP, half, bits=bits)
        x = net.coded(net.node("Add", x, added), 0.2297, half, bits=bits)
    return ended(net, x, bits)


def squeeze_excite(bits: int = 4, **options) -> QdqNet:
    """Channels times a gate that is computed from the average of each."""
    net, x = begun(bits, **options)
    pooled = net.node("GlobalAveragePool", x)
    gate = net.node("Relu", net.conv(pooled, 4, 8, 1))
    gate = net.node("Sigmoid", net.conv(gate, 8, 4, 1))
    return ended(net, net.coded(net.node("Mul", x, gate), 0.2297, 0, bits=bits), bits)
