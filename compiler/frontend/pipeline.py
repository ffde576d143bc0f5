"""ONNX file -> integer network."""

import os
from pathlib import Path

import numpy as np
import onnx

from compiler.errors import OnefourError, ReadError
from compiler.frontend.build_network import build_network
from compiler.frontend.context import Context
from compiler.frontend.passes.check_constants import check_constants
from compiler.frontend.passes.check_operators import check_operators
from compiler.frontend.passes.check_types import check_types
from compiler.frontend.passes.cut_tail import cut_tail
from compiler.frontend.passes.fold_constants import fold_constants
from compiler.frontend.passes.fold_pads import fold_pads
from compiler.frontend.passes.fold_picture_scaling import fold_picture_scaling
from compiler.frontend.passes.fuse_requantisation import fuse_requantisation
from compiler.frontend.passes.hoist_quantisers import hoist_quantisers
from compiler.frontend.passes.insert_quantisers import insert_quantisers
from compiler.frontend.passes.lift_slices import lift_slices
from compiler.frontend.passes.normalise_operands import normalise_operands
from compiler.frontend.passes.remove_dead_nodes import remove_dead_nodes
from compiler.frontend.passes.resolve_channels import resolve_channels
from compiler.frontend.passes.resolve_integer_convolutions import resolve_integer_convolutions
from compiler.frontend.passes.resolve_resize import resolve_resize
from compiler.frontend.passes.resolve_windows import resolve_windows
from compiler.frontend.passes.separate_pools import separate_pools
from compiler.frontend.passes.share_equal_nodes import share_equal_nodes
from compiler.frontend.reader.onnx_reader import read_onnx
from compiler.frontend.rewrites.depth_to_space import resolve_depth_to_space
from compiler.frontend.rewrites.focus import resolve_focus
from compiler.frontend.rewrites.pools import compose_pools
from compiler.frontend.rewrites.shuffles import resolve_shuffles
from compiler.frontend.rewrites.transposed import resolve_transposed
from golden.network import Network

#: What a pass may meet in a file that is not valid, or in itself.
INTERNAL_ERRORS = (ArithmeticError, LookupError, TypeError, ValueError, RecursionError)

#: From the file as it is to one form per operator, then to codes between integer operators. Each is
#: (graph, context) -> graph; what it takes and leaves is in `stages`.
PASSES = (
    remove_dead_nodes,
    cut_tail,
    fold_constants,
    remove_dead_nodes,
    resolve_shuffles,
    resolve_focus,
    resolve_transposed,
    resolve_depth_to_space,
    remove_dead_nodes,
    check_operators,
    check_constants,
    check_types,
    resolve_windows,
    compose_pools,
    resolve_integer_convolutions,
    resolve_channels,
    resolve_resize,
    normalise_operands,
    share_equal_nodes,
    fold_picture_scaling,
    insert_quantisers,
    lift_slices,
    remove_dead_nodes,
    hoist_quantisers,
    share_equal_nodes,
    remove_dead_nodes,
    fold_pads,
    remove_dead_nodes,
)

#: Names of the passes, in order; the second of a name is NAME.2.
PASS_NAMES = tuple(
    f"{run.__name__}.{number}" if number > 1 else run.__name__
    for run, number in ((run, PASSES[: i + 1].count(run)) for i, run in enumerate(PASSES))
)


def read_network(path: str | Path, *, input_scale: float = 1 / 255) -> Network:
    """The integer network that computes exactly what the ONNX file computes in float64.

    Where the file computes in integers, that is exactly what the file computes. ``input_scale``:
    the file's input is this times the picture's codes 0..255; an input of integers is the codes
    themselves. Raises an OnefourError (ReadError, UnsupportedError, QuantisationError) with one
    message that names the operator and what to do.
    """
    try:
        # Overflow shows in the results, which are checked.
        with np.errstate(all="ignore"):
            return lower(path, Context(input_scale=input_scale))
    except OnefourError:
        raise
    except MemoryError as error:
        raise ReadError(
            f"{path}: not enough memory on this computer to read it ({error}). Free some, or check "
            "that this is a network for a small accelerator."
        ) from error
    except INTERNAL_ERRORS as error:
        raise not_understood(path, error) from error


def not_understood(path: str | Path, error: Exception) -> ReadError:
    """What to say where a pass met something that it does not expect, in a file or in itself."""
    what = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    try:
        onnx.checker.check_model(os.fspath(path))
    except Exception as complaint:  # whatever the onnx package raises for an invalid file
        text = (str(complaint).strip().splitlines() or [type(complaint).__name__])[0][:300]
        return ReadError(
            f"{path}: it is not understood ({what}), and onnx.checker says: {text}. Export it "
            "again in valid ONNX; if it is not understood then, please report that."
        )
    return ReadError(
        f"{path}: it is not understood ({what}), and onnx.checker finds no fault. This is a defect "
        "of the compiler: please report it with the file."
    )


def lower(path: str | Path, context: Context) -> Network:
    """The front end's passes, one after another."""
    graph = read_onnx(path)
    for run in PASSES:
        graph = run(graph, context)
    return separate_pools(fuse_requantisation(build_network(graph, context)))
