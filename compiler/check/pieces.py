"""What the host computes in mid-network, against the file; and the file without it.

A piece is the file's own nodes, run by onnxruntime: given what onnxruntime computes of the whole
file up to there, it must give what that has there, bit for bit. For the other references its
results are given, so that they compute, and judge, all that is not the host's.
"""

from collections.abc import Mapping

import numpy as np
from onnx import ModelProto, helper, numpy_helper

from compiler.check.partner import NotComparableError, refuse_domains, run_session
from compiler.check.tail import with_outputs
from compiler.errors import DifferenceError
from compiler.frontend.reader.onnx_reader import graph_of
from compiler.frontend.split.segments import Runner, computing
from golden.execute import values_read
from golden.network import HostMap, Network

GIVEN = "/given"


def host_maps(network: Network) -> list[HostMap]:
    """The maps that the host makes."""
    return [operator for operator in network.operators if isinstance(operator, HostMap)]


def check_pieces(network: Network, model: ModelProto, image: np.ndarray) -> str:
    """Raise :class:`DifferenceError` where a piece is not a part of the file.

    ``image`` [1, C, H, W]: the file's input. Returns why it was not compared, if it was not.
    """
    names = [read.name for piece in network.pieces for read in piece.reads]
    names += [each.made for each in host_maps(network)]
    try:
        refuse_domains(model)
        whole = run_session(
            with_outputs(model, dict.fromkeys(names)), image, None, optimised=False
        )
    except NotComparableError as error:
        return str(error)
    for piece in network.pieces:
        found = piece.compute({read.name: whole[read.name][0] for read in piece.reads})
        for name, values in found.items():
            if not np.array_equal(values, whole[name][0], equal_nan=True):
                raise DifferenceError(
                    f"piece {piece.name} is not that part of the file: of the same "
                    f"{', '.join(read.name for read in piece.reads)} it makes another {name!r}"
                )
    return ""


def with_pieces_given(
    network: Network, model: ModelProto, results: Mapping[str, np.ndarray]
) -> ModelProto:
    """The model in which what quantisers round of the host's results are constants.

    These are what the host computes from the network's codes and sums in ``results``. What of the
    model nobody reads then is still there.
    """
    maps = host_maps(network)
    graph = graph_of(model)
    values: dict[str, np.ndarray] = {}
    for piece in network.pieces:
        wanted = [each.rounded for each in maps if each.piece is piece]
        part = computing(network, model, graph, piece.reads, wanted)
        runner = Runner(part.SerializeToString(), piece.name)
        values |= runner.run(values_read(piece.reads, dict(results)))
    given = ModelProto()
    given.CopyFrom(model)
    del given.graph.node[:]
    for name, value in values.items():
        given.graph.initializer.append(numpy_helper.from_array(value[None], name + GIVEN))
        given.graph.node.append(helper.make_node("Identity", [name + GIVEN], [name]))
    for node in model.graph.node:
        copy = given.graph.node.add()
        copy.CopyFrom(node)
        for place, name in enumerate(copy.output):
            if name in values:
                copy.output[place] = name + GIVEN + "/instead"
    return given
