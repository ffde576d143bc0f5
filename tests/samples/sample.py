"""Networks made by hand, each map whole on chip, with the numbers that every layer must give.

The numbers come from a direct convolution, not from the machine's arithmetic: this is how the
machine is tested before there is a compiler, and without one.
"""

from dataclasses import dataclass

import numpy as np

from arch.formats import BOTH_HALVES, GROUP_LANES, RAW_CHUNK_PLANES, images_of
from arch.isa import CHUNK_BYTES, INSTRUCTION_BYTES, Opcode, Planes
from arch.machine import Machine
from golden.formats import MapFormat, pack_picture
from tests.samples.listing import Listing
from tests.samples.sample_layer import ChipMap, LayerShape, PackedLayer, Source, Thresholds

PROGRAM_SPACE = 1 << 14


@dataclass(frozen=True, kw_only=True, eq=False)
class Expected:
    """What a layer must leave in memory after its last COMPUTE."""

    name: str
    form: MapFormat
    codes: np.ndarray
    last_compute: int


class Sample:
    """A memory image that grows layer by layer; :meth:`finish` makes it runnable."""

    def __init__(self, machine: Machine, seed: int = 1, size: int = 1 << 18):
        self.machine = machine
        self.random = np.random.default_rng(seed)
        self.memory = np.zeros(size, np.uint8)
        self.free = PROGRAM_SPACE
        self.listing = Listing(machine, 0)
        self.expected: list[Expected] = []
        #: Computes in the program at the end of each layer, after two imaginary ones.
        self.ends = [0, 0]

    @property
    def program_address(self) -> int:
        return self.listing.address

    def finish(self) -> "Sample":
        """End the program and write it into memory."""
        self.listing.end()
        if len(self.listing.words) * INSTRUCTION_BYTES > PROGRAM_SPACE - CHUNK_BYTES:
            raise ValueError(
                f"the sample's program of {len(self.listing.words)} instructions is too long"
            )
        self.listing.write(self.memory)
        return self

    def allocate(self, size: int) -> int:
        """Return the address of ``size`` fresh bytes."""
        address, self.free = self.free, self.free + -(-size // 64) * 64 + 64
        if self.free > self.memory.size:
            raise ValueError(f"the sample needs more than {self.memory.size} bytes")
        return address

    def load(self, opcode: Opcode, image: bytes, **fields: int) -> None:
        """Store ``image`` in memory and append a LOAD of it."""
        address = self.allocate(len(image))
        self.memory[address : address + len(image)] = np.frombuffer(image, np.uint8)
        self.listing.load(opcode, len(image), address=address, **fields)

    def picture(self, height: int, width: int) -> Source:
        """Return a random picture in memory; ``width`` a multiple of 4."""
        codes = self.random.integers(0, 256, (3, height, width))
        address = self.allocate(height * width * 4)
        pack_picture(self.memory, address, width, codes.astype(np.uint8))
        return Source(codes=codes, bits=8, address=address, pitch=width)

    def convolution(self, name: str, source: Source, shape: LayerShape) -> Source:
        """Append a layer with random weights and thresholds; return its output."""
        home = len(self.ends) % 2
        chip = ChipMap.of(self.machine, source, shape.stride, home * self.machine.positions // 2)
        layer = PackedLayer.random(self.random, self.machine, source, chip, shape)
        thresholds, codes = None, layer.sums
        if shape.bits:
            beyond = (1 << self.machine.sum_bits) - 1
            thresholds = Thresholds.random(self.random, layer.sums, shape.bits, beyond)
            codes = shape.pooled(thresholds.codes(layer.sums))
        pieces = -(-int(layer.sums.max()).bit_length() // RAW_CHUNK_PLANES)
        form = self._output_form(codes.shape, shape, pieces)

        self._load_source(source, chip, shape)
        table = home * self.machine.table_entries // 2
        previous = self.ends[-2]
        image = layer.table_image()
        self.load(Opcode.LOAD_TABLE, image, destination=table, after_compute=previous)
        last_entry = table + len(layer.entries()) - 1
        for block in range(-(-shape.channels // self.machine.rows)):
            word = home * self.machine.weight_words // 2 + block * layer.words
            self.load(
                Opcode.LOAD_WEIGHTS,
                layer.weight_image(block),
                destination=word,
                after_compute=previous,
            )
            chosen = self.listing.computes % 2
            if thresholds:
                self.load(
                    Opcode.LOAD_THRESHOLDS,
                    thresholds.image(block, self.machine.rows),
                    destination=chosen,
                    after_compute=max(0, self.listing.computes - 1),
                )
            fields = {
                "table_start": table,
                "table_last": last_entry,
                "weight_base": word,
                "threshold_set": chosen,
                "sum_pieces": pieces - 1,
            }
            self._compute(chip, shape, layer.sums.shape, form, block, fields)
        self.ends.append(self.listing.computes)
        last = self.ends[-1] - 1
        self.expected.append(Expected(name=name, form=form, codes=codes, last_compute=last))
        halo = shape.halo
        return Source(
            codes=np.pad(codes, ((0, 0), (halo, halo), (halo, halo))),
            bits=shape.bits,
            address=form.address,
            pitch=form.pitch,
            image_bytes=form.image_bytes,
            planes=form.planes,
            plane_bytes=form.plane_bytes,
        )

    def _output_form(
        self, size: tuple[int, int, int], shape: LayerShape, pieces: int
    ) -> MapFormat:
        channels, height, width = size
        pitch = -(-(width + 2 * shape.halo) // 8) * 8  # whole beats
        planes = {0: RAW_CHUNK_PLANES * pieces, 3: 4}.get(shape.bits, shape.bits)
        image_channels = self.machine.image_channels
        image_bytes = (height + 2 * shape.halo) * pitch * self.machine.plane_bytes * planes
        return MapFormat(
            image_channels=image_channels,
            address=self.allocate(images_of(channels, image_channels) * image_bytes),
            pitch=pitch,
            channels=channels,
            height=height,
            width=width,
            planes=planes,
            origin=shape.halo * (pitch + 1),
            image_bytes=image_bytes,
        )

    def _load_source(self, source: Source, chip: ChipMap, shape: LayerShape) -> None:
        """Load the whole input map, each group of channels into all lane groups."""
        fields = {
            "rows": source.codes.shape[1],
            "beats": source.row_bytes // self.machine.beat_bytes,
            "row_bytes": source.row_bytes,
            "row_step": chip.row_step,
            "plane_stride": chip.plane_stride,
            "odd_offset": chip.odd_offset,
            "groups": 15,
        }
        if source.planes == 0:
            self.listing.load(
                Opcode.LOAD_PICTURE,
                address=source.address,
                destination=chip.home,
                window=shape.kernel,
                halves=BOTH_HALVES,
                **fields,
            )
            return
        per_group = GROUP_LANES // self.machine.image_channels
        images = images_of(source.codes.shape[0], self.machine.image_channels)
        for image in range(images):
            group, part = divmod(image, per_group)
            alone = per_group == 1 or (part == 0 and image == images - 1)
            self.listing.load(
                Opcode.LOAD_MAP,
                address=source.address + image * source.image_bytes,
                destination=chip.home + group * chip.group_stride,
                planes=Planes.holding(source.planes),
                after_stored=self.listing.computes,
                halves=BOTH_HALVES if alone else 1 << part,
                **fields,
            )

    def _compute(
        self,
        chip: ChipMap,
        shape: LayerShape,
        size: tuple[int, int, int],
        form: MapFormat,
        block: int,
        fields: dict[str, int],
    ) -> None:
        """Append the COMPUTE of one block of ``rows`` output channels."""
        _, height, width = size
        row_blocks = -(-width // self.machine.columns)
        start = form.address + block * form.image_bytes + form.origin * form.position_bytes
        self.listing.compute(
            block_rows=height // (1 + shape.pool),
            row_blocks=row_blocks,
            source=chip.home,
            source_step=chip.row_step * shape.stride * (1 + shape.pool),
            add_ones=int(shape.even_grid),
            raw=int(not shape.bits),
            code_bits=shape.bits,
            pair=int(shape.pool),
            row_length=row_blocks * self.machine.columns,
            width=width,
            height=height // (1 + shape.pool),
            address=start,
            row_bytes=form.pitch * form.position_bytes,
            position_bytes=form.position_bytes,
            planes=Planes.holding(form.planes) if shape.bits else Planes.FOUR,
            **fields,
        )
