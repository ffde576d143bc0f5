"""The exported demo network is one that the accelerator can run layer for layer."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from quant.plain_onnx import PlainRunner, code_range

# Brevitas and PyTorch warn while they are imported and while they export.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """An untrained network: (PyTorch model, path, ONNX graph)."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("brevitas")
    from quant.export_qonnx import export
    from quant.shapes_model import INPUT_SIZE, OUTPUTS, ShapesNet

    torch.manual_seed(1)
    shape = (1, 3, INPUT_SIZE, INPUT_SIZE)
    model = ShapesNet().train()
    for _ in range(2):  # gives BatchNorm and the activation scales values other than 0 and 1
        model(torch.rand(4, *shape[1:]))
    path = tmp_path_factory.mktemp("export") / "shapes.onnx"
    export(model, path, shape, OUTPUTS)
    return model, path, onnx.load(path).graph


class Reader:
    """Producers and constants of a graph by tensor name."""

    def __init__(self, graph: onnx.GraphProto):
        self.constants = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
        self.producers = {name: node for node in graph.node for name in node.output}

    def attributes(self, node: onnx.NodeProto) -> dict:
        return {a.name: helper.get_attribute_value(a) for a in node.attribute}

    def bits(self, name: str) -> int:
        """Bits of the codes of a tensor, followed back through nodes that move codes about."""
        node = self.producers[name]
        if node.op_type in ("Pad", "Resize", "MaxPool"):
            return self.bits(node.input[0])
        if node.op_type == "Concat":
            assert len({self.scale(i) for i in node.input}) == 1
            return max(self.bits(i) for i in node.input)
        assert node.op_type in ("Quant", "BipolarQuant"), f"{name} is not quantised"
        return 1 if node.op_type == "BipolarQuant" else int(self.constants[node.input[3]])

    def scale(self, name: str) -> float:
        node = self.producers[name]
        if node.op_type == "Resize":
            return self.scale(node.input[0])
        return float(self.constants[node.input[1]])


@pytest.fixture(scope="module")
def reader(exported) -> Reader:
    return Reader(exported[2])


def convolutions(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    return [node for node in graph.node if node.op_type == "Conv"]


def test_shapes_and_size(exported):
    _, path, graph = exported
    dims = {
        v.name: [d.dim_value for d in v.type.tensor_type.shape.dim]
        for v in (*graph.input, *graph.output, *graph.value_info)
    }
    assert [i.name for i in graph.input] == ["pixels"]
    assert dims["pixels"] == [1, 3, 160, 160]
    assert [dims[o.name] for o in graph.output] == [[1, 30, 20, 20], [1, 30, 10, 10]]
    assert all(name in dims for node in graph.node for name in node.output)
    assert path.stat().st_size < 300_000


def test_pixels_are_bytes(exported, reader):
    quant = exported[2].node[0]
    assert list(quant.input[:1]) == ["pixels"]
    scale, zero_point, bits = (reader.constants[name] for name in quant.input[1:])
    assert scale == np.float32(1) / np.float32(255)
    assert (zero_point, bits) == (0, 8)
    assert reader.attributes(quant)["signed"] == 0


def test_every_convolution_multiplies_codes(exported, reader):
    widths = {}
    for node in convolutions(exported[2]):
        name = node.input[1].strip("/").split("/")[0]
        widths[name] = (reader.bits(node.input[1]), reader.bits(node.input[0]))
    one_bit = {name for name, width in widths.items() if width == (1, 1)}
    four_bit = {name for name, width in widths.items() if width == (4, 4)}
    assert one_bit == {"layer1", "layer2", "layer3", "layer4"}
    assert four_bit == {"lateral", "fuse", "fine", "coarse", "detect8", "detect16"}
    assert widths.keys() - one_bit - four_bit == {"stem"}
    assert widths["stem"] == (4, 8)


def test_one_bit_borders_are_minus_one_and_four_bit_borders_zero(exported, reader):
    for node in convolutions(exported[2]):
        attributes = reader.attributes(node)
        source = reader.producers[node.input[0]]
        if reader.bits(node.input[0]) == 1:
            assert attributes["pads"] == [0, 0, 0, 0]
            assert source.op_type == "Pad"
            assert reader.constants[source.input[1]].tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
            assert reader.constants[source.input[2]] == -1
        else:
            assert attributes["pads"] == [k // 2 for k in attributes["kernel_shape"]] * 2


def test_four_bit_codes(exported, reader):
    for node in exported[2].node:
        if node.op_type != "Quant" or reader.constants[node.input[3]] != 4:
            continue
        assert reader.constants[node.input[2]] == 0
        attributes = reader.attributes(node)
        weight = node.input[0] in reader.constants
        assert (attributes["signed"], attributes["narrow"]) == ((1, 1) if weight else (0, 0))
        if weight:
            codes = reader.constants[node.input[0]] / reader.constants[node.input[1]]
            np.testing.assert_allclose(codes, np.rint(codes), atol=1e-5)
            low, high = code_range(4, signed=True, narrow=True)
            assert np.rint(codes).max() <= high
            assert np.rint(codes).min() >= low


def test_one_bit_weights_are_one_bit(exported, reader):
    weights = [n.input[0] for n in exported[2].node if n.op_type == "BipolarQuant"]
    weights = [reader.constants[name] for name in weights if name in reader.constants]
    assert len(weights) == 4
    for weight in weights:
        assert np.unique(weight).tolist() == [-1, 1]


def test_head_moves_codes_only(exported, reader):
    nodes = exported[2].node
    assert [n.op_type for n in nodes if n.op_type in ("Resize", "Concat")] == ["Resize", "Concat"]
    resize = next(node for node in nodes if node.op_type == "Resize")
    attributes = reader.attributes(resize)
    assert attributes["mode"] == b"nearest"
    assert attributes["coordinate_transformation_mode"] == b"asymmetric"
    assert attributes["nearest_mode"] == b"floor"
    assert reader.constants[resize.input[2]].tolist() == [1, 1, 2, 2]


def test_file_computes_what_the_model_computes(exported, rng):
    torch = pytest.importorskip("torch")
    model, path, _ = exported
    pixels = rng.integers(0, 256, (160, 160, 3), np.uint8)
    with torch.no_grad():
        x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
        expected = [m.numpy() for m in model(x)]
    for ours, theirs in zip(PlainRunner(path)(pixels), expected, strict=True):
        # A value within rounding of a quantiser's threshold may take the neighbouring code.
        assert np.mean(np.abs(ours - theirs) > 1e-3) < 0.02
