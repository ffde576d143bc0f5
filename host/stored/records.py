"""What records of a manifest are made of."""

from typing import Annotated

from msgspec import Meta, Struct

Address = Annotated[int, Meta(ge=0, lt=1 << 32)]
Count = Annotated[int, Meta(ge=1, lt=1 << 32)]
Byte = Annotated[int, Meta(ge=0, le=255)]
Natural = Annotated[int, Meta(ge=0)]


class Record(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of the manifest: exactly these keys, of exactly these types."""
