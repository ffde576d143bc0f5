"""A model's own outputs: those of the compiled network beside those of its file in onnxruntime."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from onnx import ModelProto, helper

from compiler.check.partner import NotComparableError, refuse_domains, run_session
from compiler.errors import DifferenceError
from host.tail import Tail, model_outputs


@dataclass(frozen=True, kw_only=True, eq=False)
class CheckedTail:
    """``outputs``: the model's own, of the compiled network; ``usual`` and ``plain``: how far each
    is at most from that of the whole file in onnxruntime, as people run it (where that can be: its
    optimiser moves 4-bit codes to operators that do not take them) and with its optimiser off;
    ``largest``: that one's largest value. None of those, for a ``reason``, where onnxruntime does
    not compute the file."""

    outputs: dict[str, np.ndarray]
    usual: dict[str, float] = field(default_factory=dict)
    plain: dict[str, float] = field(default_factory=dict)
    largest: dict[str, float] = field(default_factory=dict)
    reason: str = ""

    def lines(self) -> list[str]:
        """A line for each output."""
        told = []
        for name, values in self.outputs.items():
            text = f"output {name!r} {list(values.shape)}, computed on the host"
            if name in self.largest:
                most = f"{self.plain[name]:.3g} away with its optimiser off"
                if name in self.usual:
                    most = f"{self.usual[name]:.3g} away, {most}"
                text += (
                    f"; from the file in onnxruntime at most {most} (values up to "
                    f"{self.largest[name]:.3g})"
                )
            elif self.reason:
                text += f"; the file in onnxruntime: not compared ({self.reason})"
            told.append(text)
        return told


def check_tail(
    model: ModelProto,
    tail: bytes,
    names: tuple[str, ...],
    results: Mapping[str, np.ndarray],
    image: np.ndarray,
) -> CheckedTail:
    """Run a tail on ``results``, float64 [C, H, W] of what the array hands over.

    ``image`` [1, C, H, W]: the file's input. Raises :class:`DifferenceError` where the tail, given
    what onnxruntime computes of the file up to there, does not give the file's outputs bit for bit:
    the two parts are not the whole then. What differs beyond that is float32 arithmetic before the
    tail, in onnxruntime.
    """
    runner = Tail(tail)
    outputs = model_outputs(runner, results, names)
    try:
        refuse_domains(model)
        whole = run_session(with_outputs(model, runner.inputs), image, None, optimised=False)
    except NotComparableError as error:
        return CheckedTail(outputs=outputs, reason=str(error))
    own = runner.run({name: whole[name][0] for name in runner.inputs})
    for name, values in own.items():
        expected = whole[name]
        if values.shape != expected.shape or not np.array_equal(
            values, expected, equal_nan=expected.dtype.kind == "f"
        ):
            raise DifferenceError(
                f"the tail is not the last part of the file: of the same "
                f"{', '.join(runner.inputs)} it makes another {name!r}"
            )
    try:
        usual = run_session(model, image, None, optimised=True)
    except NotComparableError:
        usual = {}
    return CheckedTail(
        outputs=outputs,
        usual={name: distance(outputs[name], values) for name, values in usual.items()},
        plain={name: distance(values, whole[name]) for name, values in outputs.items()},
        largest={name: distance(whole[name], np.zeros(1)) for name in outputs},
    )


def with_outputs(model: ModelProto, names: Mapping[str, object]) -> ModelProto:
    """The model with some of its tensors among its outputs."""
    shown = ModelProto()
    shown.CopyFrom(model)
    present = {value.name for value in model.graph.output}
    shown.graph.output.extend(
        helper.make_empty_tensor_value_info(name) for name in names if name not in present
    )
    return shown


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference; infinite where there are more values of one than of the other."""
    if found.ndim == expected.ndim and found.shape != expected.shape:
        return np.inf
    return float(np.abs(found.astype(np.float64) - expected).max(initial=0))
