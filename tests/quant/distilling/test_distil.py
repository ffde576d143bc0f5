"""A small network in few bits, taught by itself in floats."""

import numpy as np
import onnx
import pytest

pytest.importorskip("torch")

import torch

from compiler.check.onnx import against_onnx
from compiler.errors import UnsupportedError
from compiler.frontend.pipeline import read_network
from compiler.quantize.budget.sensitivity import Judge
from compiler.quantize.float_network import read_float_network
from compiler.quantize.observe import values
from compiler.quantize.options import Options
from compiler.quantize.quantise import Run
from quant.distilling.distil import Teacher, distil
from quant.distilling.options import Training
from quant.distilling.student import Student
from tests.samples.float_net import FloatNet, branched, pictures_of

SHORT = Training(steps=80, batch=4)
CPU = torch.device("cpu")


def started(tmp_path, kind: str, bits: int = 4, weights: int = 4):
    network = read_float_network(branched(kind).save(tmp_path))
    pictures = pictures_of(tmp_path / "pictures")
    run = Run(network, pictures, Options(weights=weights, activations=bits))
    run.quantised()
    return network, pictures, run


def outputs(run: Run, student: Student, image: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each head of the student, and of the file that is written."""
    (found,) = values(run.written(), student.heads, [image], 1)
    with torch.no_grad():
        mine = student(torch.from_numpy(image))
    return [(mine[name].numpy(), found[name]) for name in student.heads]


@pytest.mark.parametrize("kind", ["leaky", "silu"])
def test_starts_as_the_file_and_is_written_as_it_ends(tmp_path, kind):
    _, pictures, run = started(tmp_path, kind)
    student, image = Student(run), pictures.load(pictures.files[0])
    for own, written in outputs(run, student, image):
        np.testing.assert_allclose(own, written, atol=1e-4)
    before = run.written().SerializeToString()
    distil(student, Teacher(student.teacher(), pictures, 6, CPU), SHORT)
    student.write_back()
    assert run.written().SerializeToString() != before
    # With gains and offsets of the correction folded.
    for own, written in outputs(run, student, image):
        np.testing.assert_allclose(own, written, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "weights", "bits"), [("leaky", 4, 4), ("silu", 4, 4), ("silu", 2, 6)]
)
def test_nearer_to_the_float_network_and_exact(tmp_path, kind, weights, bits):
    network, pictures, run = started(tmp_path, kind, bits, weights)
    judge = Judge(network, pictures, run.options)
    before, student = judge.error(run.written()), Student(run)
    losses = distil(student, Teacher(student.teacher(), pictures, 6, CPU), SHORT)
    student.write_back()
    model = run.told(SHORT.told())
    assert len(losses) == SHORT.steps
    assert np.mean(losses[-5:]) < 0.85 * np.mean(losses[:5])
    assert judge.error(model) < 0.85 * before
    onnx.save(model, tmp_path / "distilled.onnx")
    integers = read_network(tmp_path / "distilled.onnx")
    codes = np.rint(pictures.load(pictures.files[0])[0] * 255).astype(np.uint8)
    references = against_onnx(integers, model, codes, 1 / 255)
    assert sum(references["formula" if bits > 4 else "float64"].values()) == 0


def test_the_same_every_time(tmp_path):
    files = []
    for _ in range(2):
        _, pictures, run = started(tmp_path, "leaky")
        student = Student(run)
        distil(student, Teacher(student.teacher(), pictures, 6, CPU), Training(steps=6, batch=2))
        student.write_back()
        files.append(run.written().SerializeToString())
    assert files[0] == files[1]


def test_batches_show_every_picture_and_its_mirror_image(tmp_path):
    _, pictures, run = started(tmp_path, "relu")
    teacher = Teacher(Student(run).teacher(), pictures, 3, CPU)
    x, y = teacher.batches(2, 3, seed=0)
    seen = sorted(each.sum().item() for each in torch.cat([x, y])[:, :, :, 0].flatten(1))
    assert len(set(np.round(seen, 6))) == 6


@pytest.mark.parametrize("kind", ["relu", "silu"])
def test_the_teacher_is_the_float_network(tmp_path, kind):
    network, pictures, run = started(tmp_path, kind)
    student = Student(run)
    teacher = Teacher(student.teacher(), pictures, 3, CPU)
    names = list(student.kept)
    assert len(names) > len(student.heads)
    seen = list(values(network.model, names, teacher.inputs, 1))
    for image, found in zip(teacher.inputs, seen, strict=True):
        for name, maps in teacher.maps(torch.from_numpy(image)).items():
            np.testing.assert_allclose(maps.numpy(), found[name], atol=1e-5)
    for name, size in teacher.spread().items():
        maps = np.concatenate([found[name] for found in seen]).astype(np.float64)
        expected = maps.var(axis=(0, 2, 3)).mean()
        assert size == pytest.approx(expected, rel=1e-4, abs=1e-9)


def test_maps_in_the_midst_come_nearer_where_they_count(tmp_path):
    def error(maps: float, steps: int) -> float:
        """Mean over the maps that are no heads, of error over spread."""
        _, pictures, run = started(tmp_path, "silu")
        student = Student(run)
        teacher = Teacher(student.teacher(), pictures, 6, CPU)
        spread = teacher.spread()
        distil(student, teacher, Training(steps=steps, batch=4, maps=maps))
        errors = []
        for image in teacher.inputs:
            x = torch.from_numpy(image)
            with torch.no_grad():
                found, wanted = student(x), teacher.maps(x)
            errors += [
                float((found[name] - wanted[name]).square().mean()) / spread[name]
                for name in student.kept
                if name not in student.heads
            ]
        return np.mean(errors)

    counted = error(1, 40)
    assert counted < 0.97 * error(0, 40)
    assert counted < 0.97 * error(1, 0)


def test_operators_that_cannot_be_trained_through(tmp_path):
    net = FloatNet(shape=(1, 3, 16, 16))
    x = net.node("Softmax", net.relu(net.conv("x", 8, 3)), axis=1)
    net.head(x, 8)
    network = read_float_network(net.save(tmp_path))
    run = Run(network, pictures_of(tmp_path / "pictures"), Options())
    run.quantised()
    with pytest.raises(UnsupportedError, match="Softmax .* cannot be trained through; supported"):
        Student(run)
