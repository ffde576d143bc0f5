"""``python -m quant distil MODEL.onnx --data DIR --bits w4a4 -o OUT.onnx``: what happens."""

import argparse
import time
from pathlib import Path

import torch

from arch.files import FileError, check_target, write_whole
from compiler.quantize.budget.sensitivity import Judge
from compiler.quantize.command import described, pictures_of
from compiler.quantize.float_network import read_float_network
from compiler.quantize.options import Options
from compiler.quantize.quantise import Run, equalise
from host.description import side_car
from quant.distilling.distil import Teacher, distil
from quant.distilling.options import training_of
from quant.distilling.student import Student
from quant.errors import TrainingError


def device_of(name: str) -> torch.device:
    """What ``--device`` names. Raises TrainingError where that is a GPU and there is none."""
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise TrainingError(
            f"--device cuda: torch {torch.__version__} finds no GPU on this computer; leave "
            "--device out to train on the processor, or install a PyTorch that is built for CUDA"
        )
    return torch.device("cuda" if found and name != "cpu" else "cpu")


def told_of(device: torch.device) -> str:
    """PyTorch's version, and the GPU by name: what comes out depends on both."""
    chip = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"torch {torch.__version__}, {chip}"


def run(arguments: argparse.Namespace) -> None:
    """Quantise the model, train it, and write the result."""
    started = time.monotonic()
    device = device_of(arguments.device)
    target: Path = arguments.output
    if target.suffix != ".onnx":
        raise FileError(f"{target}: the result is an ONNX file; give it a name in .onnx")
    if target.exists() and target.samefile(arguments.model):
        raise FileError(f"{target}: is the float network itself; name another file with -o")
    check_target(target)
    torch.set_num_threads(arguments.threads)
    weights, activations = arguments.bits
    options = Options(
        weights=weights,
        activations=activations,
        first=arguments.first,
        last=arguments.last,
        threads=arguments.threads,
    )
    training = training_of(arguments)
    network = read_float_network(arguments.model)
    beside, told = described(arguments.model, arguments)
    pictures = pictures_of(network, told, arguments)
    judge = Judge(network, pictures, options)
    equal = equalise(network, pictures, options) if options.equalise else network
    quantisation = Run(equal, pictures, options)
    quantisation.find_grids()
    quantisation.find_layers()
    student = Student(quantisation)
    before = judge.error(quantisation.written())
    teacher = Teacher(student.teacher(), pictures, arguments.pictures, device)
    losses = distil(student, teacher, training)
    student.write_back()
    model = quantisation.told(f"{training.told()}, {told_of(device)}")
    after = judge.error(model)
    write_whole(target, model.SerializeToString())
    if beside is not None and beside.resolve() != side_car(target).resolve():
        write_whole(side_car(target), beside.read_bytes())
    print(
        f"error of the heads, share of their variance: {before:.4f} before the training, "
        f"{after:.4f} after it"
    )
    print(
        f"{len(teacher.inputs) // 2} pictures and their mirror images, {len(losses)} steps of "
        f"{training.batch}; weights of {weights} bits, activations of {activations}"
    )
    print(f"{target}: {time.monotonic() - started:.0f} s; next: compiler build {target}")
