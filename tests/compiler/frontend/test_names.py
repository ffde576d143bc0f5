"""Names of the file never meet names that the compiler makes."""

import numpy as np
import onnx
import pytest

from compiler.frontend.pipeline import read_network
from golden import execute
from golden.network import Convolution, Network
from tests.random_networks.graphs import random_model
from tests.samples.small_onnx import quantised_net

PARTS = [
    "scale", "zero", "sums", "codes", "operand", "weights", "integers", "bias", "min", "max", "Mul",
    "Add", "mirror", "mirrored", "half", "unused", "0:4", "4:8", "rows",
]  # fmt: skip
PLAIN = [" ", "/", ".", "\n", "''", "数", "é", "\x00", "Conv:x", "scale", "0", "None", "@pad0"]


def adversarial_names(model: onnx.ModelProto, seed: int) -> dict[str, str]:
    """A new name for every tensor, made of the others' as the compiler makes its own."""
    rng = np.random.default_rng(seed)

    def pick(texts: list[str]) -> str:
        return texts[rng.integers(len(texts))]

    old = {value.name for value in (*model.graph.input, *model.graph.initializer)}
    for node in model.graph.node:
        old.update((*node.input, *node.output))
    old = sorted(old - {""})
    rng.shuffle(old)
    names: dict[str, str] = {}
    taken: list[str] = []
    for name in old:
        while True:
            first, second = (pick(taken or ["X"]) for _ in range(2))
            new = [
                pick(PLAIN),
                f"{first}/{pick(PARTS)}",
                f"{first}/{pick(PARTS)}.2",
                f"{first}.2",
                f"{first}@pad{rng.integers(3)}",
                f"{first}/codes/{second}",
                f"{first}/{second}",
            ][rng.integers(7)]
            if new not in taken and len(new) < 200:
                break
        taken.append(new)
        names[name] = new
    return names


def renamed(model: onnx.ModelProto, names: dict[str, str]) -> onnx.ModelProto:
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name = names[value.name]
    del graph.value_info[:]
    for place, node in enumerate(graph.node):
        node.name = ["Conv:" + names[node.output[0]], "a", "a.2", "", names[node.output[0]]][
            place % 5
        ]
        for fields in (node.input, node.output):
            fields[:] = [names[name] if name else "" for name in fields]
    return result


def assert_same_up_to_names(first: Network, second: Network, names: dict[str, str]) -> None:
    """Operators in the same order on the same tensors; ONNX names are the renamed ones."""
    matching = {first.input: second.input}
    assert len(first.operators) == len(second.operators)
    for a, b in zip(first.operators, second.operators, strict=True):
        assert type(a) is type(b)
        assert tuple(matching[name] for name in a.inputs) == b.inputs
        assert a.output not in matching
        matching[a.output] = b.output
        if isinstance(a, Convolution) and a.table is not None:
            matching[a.between] = b.between
    assert len(set(matching.values())) == len(matching)
    assert len({operator.name for operator in second.operators}) == len(second.operators)
    assert {matching[name] for name in first.tensors} == second.tensors.keys()
    for name, tensor in first.tensors.items():
        other = second.tensors[matching[name]]
        assert (tensor.shape, tensor.bits, tensor.scale, tensor.step, tensor.offset) == (
            other.shape, other.bits, other.scale, other.step, other.offset
        )  # fmt: skip
    assert second.raw_shapes == {matching[n]: shape for n, shape in first.raw_shapes.items()}
    assert second.onnx_names == {
        matching[name]: names[onnx] for name, onnx in first.onnx_names.items()
    }
    assert [output.name for output in second.outputs] == [
        names[output.name] for output in first.outputs
    ]
    # A tensor of the network has a name of the file only if it is that tensor. (The picture's codes
    # keep the name of the input, and may be the value of what is scaled from it.)
    for name in (second.tensors.keys() & set(names.values())) - {second.input}:
        assert second.onnx_names[name] == name


@pytest.mark.parametrize("seed", range(30))
def test_adversarial_names(tmp_path, seed):
    model = random_model(seed)
    names = adversarial_names(model, seed)
    onnx.save(model, tmp_path / "plain.onnx")
    onnx.save(renamed(model, names), tmp_path / "renamed.onnx")
    first, second = (read_network(tmp_path / f"{kind}.onnx") for kind in ("plain", "renamed"))
    assert_same_up_to_names(first, second, names)
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, first.tensors[first.input].shape, dtype=np.uint8)
    values = [execute.outputs(n, execute.run(n, picture)) for n in (first, second)]
    for name, expected in values[0].items():
        assert (values[1][names[name]] == expected).all()


def test_output_of_codes_beside_a_tensor_called_after_its_sums(tmp_path, rng):
    net, x = quantised_net()
    net.outputs.append(x)
    half = net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    net.outputs.append(net.conv(half, 5, 8, 1))
    model = net.model()
    names = {name: name for node in model.graph.node for name in (*node.input, *node.output)}
    names[half] = f"{x}/sums"
    path = tmp_path / "sums.onnx"
    onnx.save(renamed(model, names), path)
    network = read_network(path)
    assert network.raw_shapes[network.outputs[0].tensor] == (8, 8, 8)
    assert network.raw_shapes[network.outputs[1].tensor] == (5, 4, 4)


def test_outputs_that_are_the_picture_keep_their_names(tmp_path):
    net, x = quantised_net()
    net.head(x, 8)
    net.outputs += [net.node("Identity", "x"), net.node("Mul", "x", 1.0)]
    network = read_network(net.save(tmp_path))
    assert [output.name for output in network.outputs] == net.outputs


def test_outputs_without_a_name_are_no_operands(tmp_path, rng):
    """An unused first part of a Split is called "", as absent operands are."""
    net, x = quantised_net()
    net.head(x, 8)
    plain = read_network(net.save(tmp_path))
    values = np.arange(6, dtype=np.float32)
    sizes = net.constant([2, 4], np.int64)
    _, second = net.node("Split", values, sizes, outputs=2, axis=0)
    ends = (net.constant([v], np.int64) for v in (0, 1))
    bias = net.node("Mul", net.node("Slice", second, *ends), 0.5)
    net.outputs = [net.node("Add", net.conv(x, 5, 8), bias)]
    model = net.model()
    next(node for node in model.graph.node if node.op_type == "Split").output[0] = ""
    onnx.save(model, tmp_path / "split.onnx")
    network = read_network(tmp_path / "split.onnx")
    assert network.outputs[0].bias.tolist() == [1.0] * 5
    assert plain.outputs[0].bias.tolist() == [0.0] * 5
