"""Pictures of a size that a file leaves open."""

import copy
from pathlib import Path

from onnx import ModelProto

from compiler.errors import ReadError
from compiler.frontend.reader.onnx_reader import load_model


def with_size(path: Path, size: tuple[int, int]) -> ModelProto:
    """The model of a file, for one picture of ``size`` height and width at a time.

    ReadError where the file's own size is another one.
    """
    model = copy.deepcopy(load_model(path))
    constants = {tensor.name for tensor in model.graph.initializer}
    for value in model.graph.input:
        if value.name in constants:
            continue
        dimensions = value.type.tensor_type.shape.dim
        if len(dimensions) != 4:
            raise ReadError(
                f"{path}: input {value.name!r} has {len(dimensions)} dimensions; a size can be "
                "given to [batch, channels, height, width]."
            )
        for dimension, wanted in zip(dimensions, (1, None, *size), strict=True):
            found = dimension.dim_value
            if wanted is None or found == wanted:
                continue
            if found > 0:
                shape = [d.dim_value or d.dim_param for d in dimensions]
                raise ReadError(
                    f"{path}: input {value.name!r} has the shape {shape}, which is fixed; export "
                    f"the network for pictures of {size[0]} x {size[1]}, or leave --size out."
                )
            dimension.dim_value = wanted
    # What was told about other tensors was told of any size.
    del model.graph.value_info[:]
    return model
