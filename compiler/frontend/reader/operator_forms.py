"""Whether a node has the inputs and attributes that its operator's definition asks for.

After this, passes may rely on the number of operands and the types of attributes. Sources: ONNX's
own schemas, QONNX operator documentation.
"""

from collections import Counter
from functools import cache

from onnx import AttributeProto, NodeProto, defs

from compiler.errors import ReadError

STANDARD = ("", "ai.onnx")
KIND = AttributeProto.AttributeType
QUANT = {"signed": KIND.INT, "narrow": KIND.INT, "rounding_mode": KIND.STRING}
#: QONNX and FINN: number of inputs, and attributes.
CUSTOM = {
    "Quant": (4, QUANT),
    "IntQuant": (4, QUANT),
    "BipolarQuant": (2, {}),
    "MultiThreshold": (
        2,
        {"out_scale": KIND.FLOAT, "out_bias": KIND.FLOAT, "data_layout": KIND.STRING},
    ),
}
#: What QONNX's own executor does not run without: for `narrow`, its documentation says that 0 is
#: meant, and its code names 1.
REQUIRED = {"Quant": {"signed", "narrow"}, "IntQuant": {"signed", "narrow"}}


@cache
def schema_of(op: str, version: int) -> defs.OpSchema | None:
    """The definition of a standard operator in an opset, or the first later one; None if none."""
    for candidate in range(version, defs.onnx_opset_version() + 1):
        try:
            found = defs.get_schema(op, candidate, "")
        except defs.SchemaError:
            continue
        return None if found.deprecated else found
    return None


def check_form(proto: NodeProto, version: int) -> None:
    """ReadError where the node is not a form of its operator in opset ``version``."""
    names = Counter(attribute.name for attribute in proto.attribute)
    twice = next((name for name, count in names.items() if count > 1), None)
    if twice is not None:
        raise ReadError(f"{label(proto)}: attribute {twice!r} is given twice. Export again.")
    if proto.op_type in CUSTOM:
        least, kinds = CUSTOM[proto.op_type]
        required = REQUIRED.get(proto.op_type, set())
        most = least
        places = range(least)
    else:
        schema = schema_of(proto.op_type, version)  # in any domain that the reader lets pass
        if schema is None:
            return
        least, most = schema.min_input, schema.max_input
        kinds = {name: KIND.Value(a.type.name) for name, a in schema.attributes.items()}
        required = {name for name, a in schema.attributes.items() if a.required}
        single = defs.OpSchema.FormalParameterOption.Single
        places = [i for i, value in enumerate(schema.inputs) if value.option == single]
    given = len(proto.input)
    if not least <= given <= most or any(not proto.input[i] for i in places if i < given):
        wanted = str(least) if least == most else f"{least} or more"
        raise ReadError(
            f"{label(proto)}: {sum(map(bool, proto.input))} inputs {list(proto.input)}; "
            f"{proto.op_type} takes {wanted}. The file is damaged; check it with onnx.checker."
        )
    for attribute in proto.attribute:
        kind = kinds.get(attribute.name, attribute.type)
        if attribute.type != kind:
            raise ReadError(
                f"{label(proto)}: attribute {attribute.name!r} is of type "
                f"{KIND.Name(attribute.type)}, in ONNX it is {KIND.Name(kind)}. The file is "
                "damaged; check it with onnx.checker."
            )
    missing = required - names.keys()
    if missing:
        advice = "The file is damaged; check it with onnx.checker."
        if proto.op_type in CUSTOM:
            advice = "QONNX requires it: export again, with 0 or 1 for it."
        raise ReadError(f"{label(proto)}: attribute {min(missing)!r} is missing. {advice}")


def label(proto: NodeProto) -> str:
    """How messages name a node of the file."""
    if proto.name:
        return f"{proto.op_type} {proto.name!r}"
    return f"{proto.op_type} (unnamed, output {list(proto.output)[:1]})"
