"""Tensors of an ONNX file whose values are stored in another file."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto

from compiler.errors import ReadError

#: More elements than any network for this machine has in one tensor.
LARGEST_TENSOR = 1 << 28
#: More bytes than any network for this machine has in one file.
LARGEST_FILE = 1 << 31


def all_tensors(graph: GraphProto) -> Iterator[tuple[str, TensorProto]]:
    """Every tensor of a graph with words for where it is: initialisers, and those in attributes."""
    for tensor in graph.initializer:
        yield f"initialiser {tensor.name!r}", tensor
    for sparse in graph.sparse_initializer:
        yield f"sparse initialiser {sparse.values.name!r}", sparse.values
        yield f"sparse initialiser {sparse.values.name!r}", sparse.indices
    for node in graph.node:
        label = repr(node.name or (node.output[0] if node.output else ""))
        for attribute in node.attribute:
            where = f"{node.op_type} {label}, attribute {attribute.name!r}"
            yield from ((where, tensor) for tensor in attribute_tensors(attribute))
            for inner in (attribute.g, *attribute.graphs):
                yield from all_tensors(inner)


def attribute_tensors(attribute: AttributeProto) -> list[TensorProto]:
    """The tensors that an attribute holds directly."""
    found = [attribute.t] if attribute.HasField("t") else []
    found += attribute.tensors
    sparse = [attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []
    for tensor in (*sparse, *attribute.sparse_tensors):
        found += [tensor.values, tensor.indices]
    return found


def load_external_data(model: ModelProto, path: Path) -> None:
    """Bring tensors that are stored in other files into the model; ReadError where one is not."""
    for where, tensor in all_tensors(model.graph):
        if tensor.data_location == TensorProto.EXTERNAL:
            load_tensor(tensor, path, where)


def load_tensor(tensor: TensorProto, path: Path, where: str) -> None:
    """Bring one tensor into the model."""
    places = {entry.key: entry.value for entry in tensor.external_data}
    location = places.get("location", "another file")
    dimensions = list(tensor.dims)
    if any(size < 0 for size in dimensions) or np.prod(dimensions, dtype=float) > LARGEST_TENSOR:
        raise ReadError(f"{where}: impossible shape {dimensions}. The file is damaged.")
    try:
        if "length" not in places and (path.parent / location).stat().st_size >= LARGEST_FILE:
            raise ReadError(
                f"{path}: {where} is stored in {location!r}, which has more than 2 GiB, and its "
                "length is not given. Save the model with its weights inside."
            )
        onnx.external_data_helper.load_external_data_for_tensor(tensor, os.fspath(path.parent))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise ReadError(
            f"{path}: {where} is stored in {location!r}, which cannot be read. Put that file "
            "beside the model, or save the model with its weights inside."
        ) from error
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]
