"""Max-pools of a window as one along the rows and one along the columns."""

from dataclasses import replace

from golden.network import MaxPool, Network, Operator

LEAST_SIDE = 3
"""Of a window that two pools look at in fewer places: 2 x 2 has four of them either way."""


def separate_pools(network: Network) -> Network:
    """The network with its max-pools of stride 1 in two, where that takes fewer places.

    A maximum of maxima along rows is that over the window, at the edges too, where windows are cut
    off. The machine compares codes place by place: 5 + 5 of them, not 25. (Of 1-bit codes it adds
    up all places at once.) With a stride of 2 the first of two pools would compute what the second
    one skips.
    """
    tensors, operators = dict(network.tensors), list[Operator]()
    taken = {*network.tensors, *network.raw_shapes}
    names = {operator.name for operator in network.operators}
    for operator in network.operators:
        if not isinstance(operator, MaxPool) or not separates(operator, network):
            operators.append(operator)
            continue
        (height, width), (top, left, bottom, right) = operator.kernel, operator.pads
        between = fresh(f"{operator.output}/rows", taken)
        source, target = tensors[operator.input], tensors[operator.output]
        tensors[between] = replace(target, name=between, height=source.height)
        operators += (
            replace(
                operator,
                name=fresh(f"{operator.name}/rows", names),
                output=between,
                kernel=(1, width),
                pads=(0, left, 0, right),
            ),
            replace(operator, input=between, kernel=(height, 1), pads=(top, 0, bottom, 0)),
        )
    return replace(network, tensors=tensors, operators=tuple(operators))


def separates(pool: MaxPool, network: Network) -> bool:
    """Whether two pools take fewer places than ``pool``."""
    return (
        pool.strides == (1, 1)
        and min(pool.kernel) >= LEAST_SIDE
        and network.tensors[pool.input].bits > 1
    )


def fresh(name: str, taken: set[str]) -> str:
    """``name``, made longer until it is none of those ``taken``, and then one of them."""
    while name in taken:
        name += "'"
    taken.add(name)
    return name
