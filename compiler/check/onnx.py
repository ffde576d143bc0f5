"""The integer network against its ONNX file, code by code, each layer judged by itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from onnx import ModelProto

from compiler.check.compare import (
    codes_of,
    differing_codes,
    differing_outputs,
    differing_sums,
    off_grid,
    sums_of,
)
from compiler.check.layers import against_formula
from compiler.check.partner import NotComparableError, run_onnxruntime
from compiler.check.pieces import host_maps, with_pieces_given
from compiler.check.reference import Value, compute
from compiler.check.roundings import Rounding, roundings
from compiler.errors import DifferenceError
from compiler.exact.picture import from_codes, input_of
from compiler.exact.reals import Levels, Reals
from compiler.frontend.encoding import NARROW
from compiler.frontend.reader.onnx_reader import load_model
from compiler.frontend.split.model import until
from golden import execute
from golden.network import Network, Tensor


class NotCompared(dict):
    """A partner that does not compute this network: no tensor is compared, for this ``reason``."""

    def __init__(self, reason: str):
        super().__init__()
        self.reason = reason


def first_difference(
    tensor: str, differs: np.ndarray, values: np.ndarray, expected: np.ndarray, found: np.ndarray
) -> str:
    """The first difference in words: arrays [channels, height, width].

    ``values``: the reference's, which may be those of no code.
    """
    channel, y, x = place = tuple(int(i) for i in np.argwhere(differs)[0])
    return (
        f"tensor {tensor!r}, channel {channel}, row {y}, column {x}: expected "
        f"{expected[place]} (for {values[place]:.9g}), found {found[place]} "
        f"({int(differs.sum())} of {differs.size} differ)"
    )


@dataclass
class Judge:
    """Watches the reference: compares every tensor, and goes on with the network's codes.

    So an error shows in the layer that makes it, not in those behind.
    """

    network: Network
    results: Mapping[str, np.ndarray]
    roundings: Mapping[str, Rounding] = field(default_factory=dict)
    differing: dict[str, int] = field(default_factory=dict)
    first: str = ""

    def __post_init__(self):
        self.codes: dict[str, list[str]] = {}
        for name, onnx in self.network.onnx_names.items():
            self.codes.setdefault(onnx, []).append(name)
        reads = (each for piece in self.network.pieces for each in piece.reads)
        sums = (each for each in reads if each.tensor in self.network.raw_shapes)
        self.sums = {each.name: each for each in (*sums, *self.network.outputs)}
        sources = (self.roundings.get(onnx) for onnx in self.codes)
        self.wanted = {rounding.source for rounding in sources if rounding is not None}
        self.seen: dict[str, np.ndarray] = {}
        #: The host rounds in float32, so at ties as codes of more than 4 bits are rounded.
        self.single = {each.output for each in host_maps(self.network)}

    def __call__(self, onnx: str, value: Value) -> Value:
        floats = value.values if isinstance(value, Reals) else value.astype(np.float64)
        if onnx in self.wanted:
            self.seen[onnx] = floats
        if onnx in self.sums:
            output = self.sums[onnx]
            sums = self.results[output.tensor]
            differs = differing_outputs(floats, sums, output)
            expected = sums_of(floats, output, sums.shape)
            self.note(output.tensor, onnx, differs, floats, expected, sums)
        for name in self.codes.get(onnx, ()):
            tensor, found = self.network.tensors[name], self.results[name]
            expected = codes_of(floats, tensor)
            differs = (expected != found) | off_grid(floats, tensor)
            wide = tensor.bits > NARROW or name in self.single
            if wide and self.is_tied(onnx, floats, tensor, expected, found):
                self.differing[name] = self.differing.get(name, 0) + int(differs.sum())
            else:
                self.note(name, onnx, differs, floats, expected, found)
            if differs.any():
                value = forced(value, differs, expected, found, tensor)
        return value

    def is_tied(
        self, onnx: str, floats: np.ndarray, tensor: Tensor, expected: np.ndarray, found: np.ndarray
    ) -> bool:
        """Whether codes of more than 4 bits differ at ties of their quantiser only, if at all."""
        rounding = self.roundings.get(onnx)
        if rounding is None or off_grid(floats, tensor).any():
            return False
        return rounding.explains(self.seen[rounding.source], expected, found)

    def note(
        self,
        name: str,
        onnx: str,
        differs: np.ndarray,
        values: np.ndarray,
        expected: np.ndarray,
        found: np.ndarray,
    ) -> None:
        self.differing[name] = self.differing.get(name, 0) + int(differs.sum())
        if differs.any() and not self.first:
            values = values.reshape(found.shape)
            self.first = first_difference(onnx, differs, values, expected, found)


def forced(
    value: Value, differs: np.ndarray, expected: np.ndarray, found: np.ndarray, tensor: Tensor
) -> Value:
    """``value`` with the levels of the network's codes where they differ.

    A level is what the reference itself has for that code, or what the code stands for.
    """
    if not isinstance(value, Reals):
        integers = np.rint(tensor.scale * (tensor.step * found.astype(np.int64) + tensor.offset))
        return (
            np.where(differs, integers, value.reshape(found.shape))
            .astype(value.dtype)
            .reshape(value.shape)
        )
    levels = value.levels()
    index = levels.index.copy()
    flat, wanted, known = differs.reshape(-1), found.reshape(-1), expected.reshape(-1)
    numbers = list(levels.numbers)
    for code in np.unique(wanted[flat]):
        places = np.flatnonzero(~flat & (known == code))
        if places.size:
            place = index[places[0]]
        else:
            place = len(numbers)
            numbers.append(Fraction(tensor.scale) * (tensor.step * int(code) + tensor.offset))
        index[flat & (wanted == code)] = place
    made = Levels(numbers, index)
    values = np.array([float(n) for n in numbers])[index].reshape(value.shape)
    error = value.error + 2.0**-52 * float(np.abs(values).max(initial=0))
    return Reals(values, error, lambda at: made if at is None else made.at(at))


def up_to(model: ModelProto, names: tuple[str, ...]) -> ModelProto:
    """The part of a file that the network computes, whose results have these names."""
    own = {value.name for value in model.graph.output}
    return model if own == set(names) else until(model, names)


def against_onnx(
    network: Network,
    model: ModelProto | str | Path,
    codes: np.ndarray,
    input_scale: float,
    results: Mapping[str, np.ndarray] | None = None,
) -> dict[str, dict[str, int]]:
    """Number of differing codes and sums of the integer network, per reference and tensor.

    References: ``float64``, the exact numbers of the ONNX graph; ``formula``, where codes have more
    than 4 bits; and ``onnxruntime``, which is information only (float32 has ties of its own) and
    may be :class:`NotCompared`. Codes of more than 4 bits may differ from the exact numbers by one,
    at ties of their quantiser, and from the formula not at all. ``codes``: the
    picture, uint8 [C, H, W]; ``results``: of ``golden.execute.run``, if that ran already. Raises
    :class:`DifferenceError`, naming the first difference, where the integer network is not the
    ONNX graph.
    """
    model = model if isinstance(model, ModelProto) else load_model(model)
    results = execute.run(network, codes) if results is None else results
    names = tuple(output.name for output in network.outputs)
    if network.pieces:
        read = (each.name for piece in network.pieces for each in piece.reads)
        given = with_pieces_given(network, model, results)
        model = until(given, tuple(dict.fromkeys((*names, *read))))
    else:
        model = up_to(model, names)
    judge = Judge(network, results, roundings(model))
    compute(model, from_codes(model, codes, input_scale), judge)
    if judge.first:
        raise DifferenceError(f"the integer network is not the ONNX graph: {judge.first}")
    references: dict[str, dict[str, int]] = {"float64": judge.differing}
    if any(t.bits > NARROW for name, t in network.tensors.items() if name != network.input):
        compared = against_formula(network, model, codes, input_scale, results)
        for layer in compared:
            if layer.differing:
                raise DifferenceError(
                    f"the integer network is not the runtimes' formula: tensor {layer.name!r}, "
                    f"{layer.differing} of {layer.found.size} codes differ"
                )
        references["formula"] = {layer.name: layer.differing for layer in compared}
    is_integer = input_of(model)[1].kind in "iu"
    image = codes[None] if is_integer else codes[None] * input_scale
    try:
        values = {
            name: value.astype(np.float64) for name, value in run_onnxruntime(model, image).items()
        }
        references["onnxruntime"] = differing_codes(network, results, values) | differing_sums(
            network, results, values
        )
    except NotComparableError as error:
        references["onnxruntime"] = NotCompared(str(error))
    return references
