"""Graph with Quantise nodes -> integer network: the last step of the front end."""

import numpy as np

from compiler.errors import QuantisationError, UnsupportedError
from compiler.frontend import explain, spec
from compiler.frontend.context import AlreadyReportedError, Context
from compiler.frontend.encoding import NARROW, Encoding
from compiler.frontend.expressions import Expression, trace
from compiler.frontend.functions.code_functions import (
    composed,
    table_of_one,
    table_of_several,
)
from compiler.frontend.functions.integer_kernel import integer_kernel
from compiler.frontend.functions.pair_sums import Factors, Part, between, sum_of_parts
from compiler.frontend.functions.sum_thresholds import (
    exact_thresholds,
    kernel_thresholds,
    product_of,
)
from compiler.frontend.integer_weights import quantised_weights
from compiler.frontend.ir import Graph, NameSupply, Node
from compiler.frontend.overflow import check_overflow
from compiler.frontend.split.host_maps import host_map
from compiler.frontend.sums import Sums, View, pad_integer
from compiler.frontend.thresholds import from_table
from compiler.frontend.unused_codes import drop_unused_codes
from compiler.frontend.values import graph_values
from golden.network import (
    Concat,
    Convolution,
    Interleave,
    Lookup,
    MaxPool,
    Network,
    Operator,
    Output,
    Product,
    Slice,
    TableSum,
    Tensor,
    Thresholds,
    Upsample,
    WeightedSum,
)

#: Operators of the graph that move codes, and those of the network that do the same.
MOVED = {"MaxPool": MaxPool, "Enlarge": Upsample, "Slice": Slice, "Concat": Concat,
         "Interleave": Interleave}  # fmt: skip


class NetworkBuilder:
    """Collects the operators of the integer network, node by node."""

    def __init__(self, graph: Graph, context: Context):
        self.graph = graph
        self.context = context
        self.values = graph_values(graph)
        self.views: dict[str, View] = {}
        #: Tensors that are a function of one other's codes: that one, and the codes int64 [1 or C,
        #: its codes].
        self.sources: dict[str, tuple[str, np.ndarray]] = {}
        self.tensors: dict[str, Tensor] = {}
        self.operators: list[Operator] = []
        self.made: set[str] = set()
        self.names = NameSupply.of(graph)
        self.operator_names = NameSupply(node.name for node in graph.nodes)
        self.operators_made: set[str] = set()
        self.onnx_names: dict[str, str] = {}
        self.raw_shapes: dict[str, tuple[int, int, int]] = {}
        self.sums: dict[str, Sums] = {}
        #: Convolutions without sums, for reasons that have been reported.
        self.refused: set[str] = set()
        self.add_tensor(graph.input, graph.picture)

    def build(self) -> Network:
        """The network; an OnefourError names what cannot be expressed in integers."""
        for node in self.graph.nodes:
            with self.context.at(node):
                self.add(node)
            if node.op == "Quantise" and node.output not in self.views:  # refused, and reported
                self.add_tensor(node.output, node.attributes["encoding"])
        outputs = []
        for name, tensor in zip(self.graph.results, self.graph.outputs, strict=True):
            with self.context.at(self.graph.producers.get(tensor)):
                outputs.append(self.output(name, tensor))
        return Network(
            name=self.graph.name,
            input=self.views[self.graph.input].name,
            tensors=self.tensors,
            operators=tuple(self.operators),
            outputs=tuple(outputs),
            onnx_names=self.onnx_names,
            raw_shapes=self.raw_shapes,
            picture_table=self.graph.picture_table,
        )

    def add(self, node: Node) -> None:
        """The operator of the network for a node; elementwise ones become part of others."""
        if node.op == "Quantise":
            self.quantise(node)
        elif node.op in spec.MOVING_CODES:
            self.move(node)
        elif node.op == "Conv":
            self.convolution_sums(node)

    # Names and tensors

    def unique(self, base: str) -> str:
        """``base`` for the tensor that it names; numbered if that is there already."""
        name = self.names.fresh(base) if base in self.made else base
        self.made.add(name)
        return name

    def add_tensor(self, tensor: str, encoding: Encoding) -> str:
        """Describe a new code tensor of the network; returns its name."""
        onnx = self.graph.onnx.get(tensor, tensor)
        name = self.unique(tensor if tensor == self.graph.input else onnx)
        _, channels, height, width = self.graph.shapes[tensor]
        self.tensors[name] = Tensor(
            name=name,
            channels=channels,
            height=height,
            width=width,
            bits=encoding.bits,
            scale=encoding.scale,
            step=encoding.step,
            offset=encoding.offset,
        )
        if onnx in self.graph.names:
            self.onnx_names[name] = onnx
        self.views[tensor] = View(name, encoding)
        return name

    # Operators

    def quantise(self, node: Node) -> None:
        """One operator for the function that ends in a Quantise node."""
        expression = trace(self.graph, node.inputs[0])
        encoding = node.attributes["encoding"]
        producers = [self.graph.producers.get(leaf) for leaf in expression.leaves]
        if len(producers) == 1 and producers[0] is not None and producers[0].op == "Conv":
            self.convolution(node, producers[0], expression, encoding)
            return
        if len(producers) == 1 and producers[0] is not None and producers[0].op == spec.HOST:
            self.operators.append(host_map(self, node, producers[0], encoding))
            return
        for leaf in expression.leaves:
            if leaf not in self.views:
                raise explain.not_codes(self.graph, node, leaf, self.values)
        sources = dict.fromkeys(self.source(leaf)[0] for leaf in expression.leaves)
        if len(expression.leaves) == 1:
            self.requantise(node, expression, encoding)
        elif len(sources) == 1 and self.graph.input not in sources:
            self.function_of_one(node, expression, encoding, next(iter(sources)))
        elif len(expression.leaves) == 2:
            self.sum_of_two(node, expression, encoding, expression.leaves)
        elif len(sources) == 2 and self.graph.input not in sources:
            self.sum_of_two(node, expression, encoding, tuple(sources))
        else:
            raise explain.too_many_tensors(node, expression)

    def convolution_sums(self, conv: Node) -> Sums:
        """The integer form of a Conv node."""
        if conv.output in self.sums:
            return self.sums[conv.output]
        if conv.output in self.refused:
            raise AlreadyReportedError(str(conv))
        self.refused.add(conv.output)
        weights, scales = None, None
        with self.context.at(conv, own=True):
            weights, scales = quantised_weights(self.graph, conv)
        source = self.views.get(conv.inputs[0])
        if source is None:
            raise explain.not_codes(self.graph, conv, conv.inputs[0], self.values)
        if weights is None:
            raise AlreadyReportedError(str(conv))
        pad_value = pad_integer(conv, source.encoding)
        ends = source.encoding.integers[[0, -1]].tolist()
        if any(conv.attributes["pads"]):
            ends.append(pad_value)
        rows = weights.reshape(weights.shape[0], -1).astype(np.int64)
        least = np.minimum(rows * min(ends), rows * max(ends))
        most = np.maximum(rows * min(ends), rows * max(ends))
        bias = np.zeros(weights.shape[0])
        if conv.operand(2):
            bias = self.graph.constants[conv.inputs[2]].astype(np.float64)
        low, high = least.sum(axis=1), most.sum(axis=1)
        size = self.graph.shapes[conv.output][2:]
        self.sums[conv.output] = Sums(
            conv, source, weights, scales, bias, pad_value, low, high, size
        )
        return self.sums[conv.output]

    def emit_convolution(
        self,
        sums: Sums,
        output: str,
        thresholds: Thresholds | None,
        product: Product | None = None,
    ) -> None:
        attributes = sums.node.attributes
        self.operators.append(
            Convolution(
                name=self.operator_name(sums.node),
                input=sums.source.name,
                output=output,
                weights=sums.weights,
                thresholds=thresholds,
                strides=attributes["strides"],
                pads=attributes["pads"],
                dilations=attributes["dilations"],
                groups=attributes["groups"],
                pad_value=sums.pad_value,
                product=product,
            )
        )

    def operator_name(self, node: Node) -> str:
        """The node's name, once; otherwise one that no node of the file has."""
        name = node.name
        if not name or name in self.operators_made:
            name = self.operator_names.fresh(name or f"{node.op}:{node.output}")
        self.operators_made.add(name)
        return name

    def convolution(
        self, node: Node, conv: Node, expression: Expression, encoding: Encoding
    ) -> None:
        """Convolution with thresholds."""
        sums = self.convolution_sums(conv)
        where = f"{conv} to quantiser of {node.inputs[0]!r}"
        wide = encoding.bits > NARROW
        kernel = integer_kernel(self.graph, sums, expression) if wide else None
        if kernel is None:
            thresholds = exact_thresholds(sums, expression, encoding, where)
        else:
            thresholds = kernel_thresholds(kernel, sums, encoding, where)
        if not self.feeds_concat(node.output):
            thresholds, encoding = drop_unused_codes(thresholds, encoding)
        product = kernel and product_of(kernel, sums, encoding, thresholds)
        self.emit_convolution(sums, self.add_tensor(node.output, encoding), thresholds, product)

    def feeds_concat(self, tensor: str) -> bool:
        """Whether the codes reach, as they are, what joins several and needs equal encodings."""
        waiting, seen = [tensor], {tensor}
        while waiting:
            for node in self.graph.consumers.get(waiting.pop(), ()):
                if node.op in spec.JOINED_CODES:
                    return True
                if node.op in spec.MOVING_CODES and node.output not in seen:
                    seen.add(node.output)
                    waiting.append(node.output)
        return False

    def requantise(self, node: Node, expression: Expression, encoding: Encoding) -> None:
        """Nothing where codes stay as they are, otherwise a function of each code.

        That is a WeightedSum of one input where it is monotone and has few bits, and a Lookup.
        """
        view = self.views[expression.leaves[0]]
        table = table_of_one(expression, view.encoding, encoding)
        root, codes = self.source(expression.leaves[0])
        self.sources[node.output] = root, composed(codes, table)
        self.look_up_or_sum(node, view, table, encoding)

    def source(self, tensor: str) -> tuple[str, np.ndarray]:
        """The tensor of codes that ``tensor`` is a function of, and its codes for those; itself."""
        if tensor in self.sources:
            return self.sources[tensor]
        return tensor, np.arange(self.views[tensor].encoding.count)[None]

    def function_of_one(
        self, node: Node, expression: Expression, encoding: Encoding, root: str
    ) -> None:
        """A function of several tensors that are all functions of one, such as x * Sigmoid(x)."""
        encodings = [self.views[leaf].encoding for leaf in expression.leaves]
        codes = [self.source(leaf)[1] for leaf in expression.leaves]
        table = table_of_several(expression, encodings, codes, encoding)
        self.sources[node.output] = root, table
        self.look_up_or_sum(node, self.views[root], table, encoding)

    def look_up_or_sum(self, node: Node, view: View, table: np.ndarray, encoding: Encoding) -> None:
        """The codes ``table`` int64 [1 or C, codes] for those of a tensor."""
        count = view.encoding.count
        same = (encoding.step, encoding.offset) == (view.encoding.step, view.encoding.offset)
        if same and (table == np.arange(count)).all():
            self.views[node.output] = View(view.name, encoding)
            return
        few = view.encoding.bits <= NARROW or view.name == self.graph.input
        if few and encoding.bits <= NARROW:
            rows = np.broadcast_to(table, (self.graph.channels(node.output), count))
            thresholds = from_table(view.encoding.integers, rows, encoding.count)
            if thresholds is not None:
                self.emit_sum(node, (view,), (1,), thresholds, encoding)
                return
        if (table == table[:1]).all():
            table = table[:1]
        self.operators.append(
            Lookup(
                name=self.operator_name(node),
                input=view.name,
                output=self.add_tensor(node.output, encoding),
                table=table.astype(np.uint8),
            )
        )

    def sum_of_two(
        self, node: Node, expression: Expression, encoding: Encoding, roots: tuple[str, ...]
    ) -> None:
        """WeightedSum or TableSum of two tensors, which are the leaves or what these are functions
        of; exact for every pair of codes."""
        views = tuple(self.views[root] for root in roots)
        shapes = [self.graph.shapes[root] for root in roots]
        if shapes[0] != shapes[1]:
            raise UnsupportedError(
                f"{between(expression, views)}: shapes {shapes[0]} and {shapes[1]} differ; "
                "supported are equal shapes."
            )
        names = tuple(view.name for view in views)
        if self.graph.input in names:
            raise UnsupportedError(
                f"{between(expression, views)}: the 8-bit picture can only go into convolutions."
            )
        parts = []
        for leaf in expression.leaves:
            own = np.arange(self.views[leaf].encoding.count)[None]
            root, codes = (leaf, own) if leaf in roots else self.source(leaf)
            parts.append(Part(self.views[leaf].encoding, roots.index(root), codes))
        channels = self.graph.channels(node.output)
        found = sum_of_parts(expression, parts, views, channels, encoding)
        if isinstance(found, Factors):
            self.emit_sum(node, views, found.factors, found.thresholds, encoding)
            return
        name, output = self.operator_name(node), self.add_tensor(node.output, encoding)
        self.operators.append(TableSum(name=name, inputs=names, output=output, **vars(found)))

    def emit_sum(
        self,
        node: Node,
        views: tuple[View, ...],
        factors: tuple[int, ...],
        thresholds: Thresholds,
        encoding: Encoding,
    ) -> None:
        name = self.operator_name(node)
        self.operators.append(
            WeightedSum(
                name=name,
                inputs=tuple(view.name for view in views),
                output=self.add_tensor(node.output, encoding),
                factors=factors,
                thresholds=thresholds,
            )
        )

    def move(self, node: Node) -> None:
        """MaxPool, Upsample, Slice or Concat of codes; nothing where the inputs are not codes."""
        views = [self.views.get(tensor) for tensor in node.inputs]
        if not all(views) or not all(views[0].encoding.same_grid(v.encoding) for v in views):
            return
        encoding = max((view.encoding for view in views), key=lambda encoding: encoding.count)
        output = self.add_tensor(node.output, encoding)
        kind, sources = MOVED[node.op], tuple(view.name for view in views)
        joins = node.op in spec.JOINED_CODES
        inputs = {"inputs": sources} if joins else {"input": sources[0]}
        name = self.operator_name(node)
        self.operators.append(kind(name=name, output=output, **inputs, **node.attributes))

    # Outputs

    def output(self, name: str, tensor: str) -> Output:
        """The sums and the affine function that give the graph output ``name``."""
        expression = trace(self.graph, tensor)
        leaf = expression.leaves[0]
        producer = self.graph.producers.get(leaf)
        is_sums = producer is not None and producer.op == "Conv" and leaf not in self.views
        if len(expression.leaves) != 1 or not (is_sums or leaf in self.views):
            raise explain.not_an_output(self.graph, name, expression)
        factor, bias = explain.affine(self.graph, name, expression)
        if is_sums:
            sums = self.convolution_sums(producer)
            check_overflow(expression, *sums.ends())
            scale = sums.scales * sums.source.encoding.scale
            bias = sums.bias * factor + bias
        else:
            sums = self.identity(self.views[leaf])
            scale = np.full(sums.weights.shape[0], sums.source.encoding.scale)
            bias = np.broadcast_to(bias, scale.shape).copy()
        scale = scale * factor
        if not (np.isfinite(scale).all() and np.isfinite(bias).all()):
            raise QuantisationError(
                f"output {name!r}: its scale {scale.min()}..{scale.max()} or bias {bias.min()}.."
                f"{bias.max()} is beyond float64; supported are finite numbers. Check the "
                "constants after its convolution."
            )
        return Output(name=name, tensor=self.raw_tensor(sums), scale=scale, bias=bias)

    def identity(self, view: View) -> Sums:
        """A depthwise 1x1 convolution whose sums are the integers of a code tensor."""
        tensor = self.tensors[view.name]
        channels = tensor.channels
        name = self.names.fresh(f"{view.name}/sums")
        node = Node(
            op="Conv",
            name=self.operator_names.fresh(name),
            inputs=(view.name,),
            outputs=(name,),
            attributes={
                "strides": (1, 1),
                "dilations": (1, 1),
                "groups": channels,
                "pads": (0, 0, 0, 0),
            },
        )
        ones = np.ones((channels, 1, 1, 1), np.int32)
        none = np.zeros(channels)
        size = tensor.height, tensor.width
        return Sums(node, view, ones, np.ones(channels), none, 0, none, none, size)

    def raw_tensor(self, sums: Sums) -> str:
        """The sums of a convolution as a tensor of the network; made once."""
        for operator in self.operators:
            same = isinstance(operator, Convolution) and operator.weights is sums.weights
            if same and operator.thresholds is None:
                return operator.output
        name = self.unique(sums.node.output)
        self.raw_shapes[name] = (sums.weights.shape[0], *sums.size)
        self.emit_convolution(sums, name, None)
        return name


def build_network(graph: Graph, context: Context) -> Network:
    """The integer network of a graph whose quantised tensors are marked by Quantise nodes.

    UnsupportedError or QuantisationError where the network cannot be expressed exactly.
    """
    return NetworkBuilder(graph, context).build()
