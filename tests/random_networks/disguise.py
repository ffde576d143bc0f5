"""Renames tensors of a model so that names collide with those that a compiler might make."""

import numpy as np
from onnx import ModelProto

SUFFIXES = [
    "/scale", "/zero", "/codes", "/sums", "/bias", "/weights", "/integers", "/operand", "/mirror",
    "/mirrored", "/half", "/min", "/max", "/copy", "/0:1", "@pad0", "@pad1", "@pad-1", ".1", ".2",
    "_1", "[0]", "[1]", "'", " ", "/codes/scale", "/codes@pad0",
]  # fmt: skip
STRANGE = ["a b", "0", "picture/codes", "schräg", 'quote"', "x" * 60, "../up", "None", "a@pad1"]


def disguise(model: ModelProto, rng: np.random.Generator) -> ModelProto:
    """The same network with other names for some of its tensors; the input keeps its name."""
    graph = model.graph
    names = [tensor.name for tensor in graph.initializer]
    computed = [name for node in graph.node for name in node.output if name]
    names += computed
    taken = {*names, *(value.name for value in graph.input)}
    # Tensors that are read often or leave the network get more names from the compiler.
    read = [name for node in graph.node for name in node.input if name in set(computed)]
    read += 3 * [value.name for value in graph.output]
    new: dict[str, str] = {}
    for _ in range(int(rng.integers(1, 17))):
        victim = str(rng.choice(names if rng.random() < 0.5 else computed))
        base = str(rng.choice(names if rng.random() < 0.3 else read))
        base = new.get(base, base)
        other = str(rng.choice(STRANGE)) if rng.random() < 0.1 else base + str(rng.choice(SUFFIXES))
        if victim in new or other in taken:
            continue
        new[victim] = other
        taken.add(other)
    for tensor in graph.initializer:
        tensor.name = new.get(tensor.name, tensor.name)
    for value in [*graph.input, *graph.output, *graph.value_info]:
        value.name = new.get(value.name, value.name)
    for node in graph.node:
        for part in (node.input, node.output):
            part[:] = [new.get(name, name) for name in part]
        if rng.random() < 0.2:  # names of nodes may repeat, or be those of tensors
            node.name = str(rng.choice([*names, "node"]))
    return model
