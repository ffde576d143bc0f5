"""Instruction encodings: what goes in comes out, and what does not fit is refused."""

import pytest
from amaranth.lib import data, enum

from arch import isa
from arch.formats import CODE_BITS
from arch.machine import MACHINES

STRUCTS = [isa.Load, isa.Compute, isa.ChipPlace, isa.Entry, isa.EntryGroup]
FORMATS = {"Load": isa.Load, "Compute": isa.Compute}


def random_fields(struct, rng) -> dict:
    """A value for every field, over its whole range."""
    values = {}
    for name, field in data.Layout.cast(struct):
        if isinstance(field.shape, data.ArrayLayout):
            count = field.shape.length
            values[name] = [random_fields(field.shape.elem_shape, rng) for _ in range(count)]
        elif isinstance(field.shape, enum.EnumMeta):
            values[name] = rng.choice(list(field.shape))
        else:
            values[name] = int(rng.integers(1 << field.width))
    return values


@pytest.mark.parametrize("struct", STRUCTS)
@pytest.mark.parametrize("seed", range(5))
def test_decode_inverts_encode(struct, seed, rng):
    fields = random_fields(struct, rng)
    assert isa.decode(struct, isa.encode(struct, fields)) == fields


@pytest.mark.parametrize("struct", STRUCTS)
@pytest.mark.parametrize("seed", range(5))
def test_bits_lie_where_the_hardware_has_its_fields(struct, seed, rng):
    fields = random_fields(struct, rng)
    assert isa.encode(struct, fields) == data.Layout.cast(struct).const(fields).as_bits()


@pytest.mark.parametrize("struct", FORMATS.values(), ids=FORMATS)
def test_instructions_fit_and_start_with_the_opcode(struct):
    layout = data.Layout.cast(struct)
    assert layout.size <= isa.INSTRUCTION_BITS
    opcode = layout["opcode"]
    assert (opcode.offset, opcode.width) == (0, 4), "the dispatcher reads it before it knows which"


def test_entries_fit():
    assert data.Layout.cast(isa.Entry).size <= isa.ENTRY_BITS


def test_memory_that_was_never_written_is_illegal():
    assert isa.decode(isa.Load, 0)["opcode"] is isa.Opcode.ILLEGAL


def test_fields_that_are_left_out_are_zero():
    bits = isa.encode(isa.Compute, {"opcode": isa.Opcode.COMPUTE, "width": 7})
    fields = isa.decode(isa.Compute, bits)
    assert fields.pop("opcode") is isa.Opcode.COMPUTE
    assert fields.pop("width") == 7
    assert fields.pop("planes") is isa.Planes.ONE
    assert not any(fields.values())


@pytest.mark.parametrize(
    ("struct", "field", "value"),
    [
        (isa.Load, "rows", isa.most(isa.Load, "rows") + 1),
        (isa.Load, "window", 8),
        (isa.Compute, "address", 1 << 32),
        (isa.Compute, "width", -1),
        (isa.EntryGroup, "enable", 2),
    ],
)
def test_values_that_do_not_fit_are_refused(struct, field, value):
    with pytest.raises(ValueError, match=rf"{struct.__name__}.{field} = {value} does not fit"):
        isa.encode(struct, {field: value})


def test_values_inside_an_array_are_checked_too():
    with pytest.raises(ValueError, match="EntryGroup.weight = 1024 does not fit"):
        isa.encode(isa.Entry, {"group": [{"weight": 1024}] * 4})
    with pytest.raises(ValueError, match="Entry.group: 5 are too many"):
        isa.encode(isa.Entry, {"group": [{}] * 5})


def test_every_field_has_a_note():
    for name, struct in FORMATS.items():
        assert list(isa.FIELD_NOTES[name]) == [field for field, _ in data.Layout.cast(struct)]
    entry = [name for name, _ in data.Layout.cast(isa.EntryGroup)]
    entry += [name for name, _ in data.Layout.cast(isa.Entry) if name != "group"]
    assert list(isa.FIELD_NOTES["Entry"]) == entry


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_a_load_names_every_lane_group(machine):
    assert isa.width(isa.Load, "groups") == machine.lane_groups


def test_loads_are_those_with_the_fields_of_load():
    assert [opcode.name for opcode in isa.Opcode if opcode.is_load] == [
        "LOAD_MAP", "LOAD_PICTURE", "LOAD_WEIGHTS", "LOAD_THRESHOLDS", "LOAD_TABLE", "LOAD_PROGRAM",
    ]  # fmt: skip


def test_planes_hold_codes_of_every_width():
    assert [isa.Planes.holding(bits).count for bits in range(1, CODE_BITS + 1)] == [1, 2, 4, 4]
    with pytest.raises(ValueError, match="not a valid Planes"):
        isa.Planes.holding(2 * CODE_BITS + 1)


def test_subsets_have_the_fields_shapes():
    layout = isa.subset(isa.Load, "rows", "planes")
    assert [name for name, _ in layout] == ["rows", "planes"]
    assert layout["planes"].shape is isa.Planes
    assert layout["rows"].width == isa.width(isa.Load, "rows")
    assert isa.most(isa.Load, "rows") == (1 << layout["rows"].width) - 1
    assert isa.width(isa.Load, "planes") == isa.width(isa.Compute, "planes") == 2


def test_instructions_are_decoded_by_their_opcode():
    load = isa.encode(isa.Load, {"opcode": isa.Opcode.LOAD_MAP, "rows": 3})
    compute = isa.encode(isa.Compute, {"opcode": isa.Opcode.COMPUTE, "pair": 1})
    assert isa.decode_instruction(load)["rows"] == 3
    assert isa.decode_instruction(compute)["pair"] == 1


def test_what_is_not_defined_decodes_to_illegal():
    planes = data.Layout.cast(isa.Load)["planes"]
    no_such_planes = isa.encode(isa.Load, {"opcode": isa.Opcode.LOAD_MAP}) | 3 << planes.offset
    for bits in (0, 7, no_such_planes):
        assert isa.decode_instruction(bits)["opcode"] is isa.Opcode.ILLEGAL


def test_a_chip_place_stands_where_a_place_in_memory_would(rng):
    place = random_fields(isa.ChipPlace, rng)
    fields = isa.with_chip_place({"opcode": isa.Opcode.COMPUTE, "width": 7}, place)
    assert fields["on_chip"] == 1
    assert isa.chip_place(isa.decode(isa.Compute, isa.encode(isa.Compute, fields))) == place
