"""Maps that the host makes in mid-network, as operators of the integer network."""

from typing import TYPE_CHECKING

import numpy as np

from compiler.errors import UnsupportedError
from compiler.frontend.encoding import Encoding
from compiler.frontend.ir import Node
from golden.network import HostMap, Output

if TYPE_CHECKING:
    from compiler.frontend.build_network import NetworkBuilder


def host_map(builder: "NetworkBuilder", node: Node, made: Node, encoding: Encoding) -> HostMap:
    """The host's codes of ``made``, as the quantisers of the file that ``node`` stands for make
    them; UnsupportedError where the file has none there."""
    onnx = builder.graph.onnx.get(node.output, node.output)
    if onnx not in builder.graph.names:
        raise UnsupportedError(
            f"{made}: the host makes {made.output!r}, and no quantiser stands directly behind it; "
            "supported is one of QuantizeLinear and DequantizeLinear. Quantise its result."
        )
    return HostMap(
        name=builder.operator_name(made),
        reads=tuple(
            host_read(builder, name, tensor)
            for name, tensor in zip(made.attributes["reads"], made.inputs, strict=True)
        ),
        output=builder.add_tensor(node.output, encoding),
        made=onnx,
        rounded=made.attributes["made"],
    )


def host_read(builder: "NetworkBuilder", name: str, tensor: str) -> Output:
    """What the host reads as ONNX tensor ``name``: codes where there are some, or sums."""
    if tensor not in builder.views:
        return builder.output(name, tensor)
    view = builder.views[tensor]
    channels, encoding = builder.tensors[view.name].channels, view.encoding
    return Output(
        name=name,
        tensor=view.name,
        scale=np.full(channels, encoding.scale * encoding.step),
        bias=np.full(channels, encoding.scale * encoding.offset),
    )
