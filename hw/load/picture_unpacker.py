"""Turns pixels into bit-planes with neighbouring pixels packed into the lanes."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from arch.formats import LONGEST_WINDOW, PICTURE_BITS, PICTURE_BYTES, PICTURE_CHANNELS
from arch.machine import Machine


class PictureUnpacker(wiring.Component):
    """Gives the S words of 16 lanes that a step writes. For a picture, word w of step q of a row is

        lane 3 d + ch = bit (q S + w) mod 8 of channel ch of pixel (q S + w) / 8 - d, for d <
        window,

    where pixels before the row's start, and the other lanes, are 0. Otherwise, R = 16: word w is
    word w of the beat. R = 8: word w of step q has byte q S + w of the beat in lanes 0..7, and in
    lanes 8..15 too if ``high``, and 0 there if not.

    Latency 2 cycles; a step in every cycle.

    Members
    -------
    beat : ``In(axi_data_bits)``
        S / 2 pixels of 4 bytes, of which the last is ignored. Must stay for the 4 steps of a beat.
    step : ``In(1)``
    phase : ``In(3)``
        Steps since the row's start, modulo 8.
    row_first : ``In(1)``
        This step is its row's first.
    picture : ``In(1)``
        Must stay for 2 cycles after a step, like ``window``.
    high : ``In(1)``
        Of a map's words: they are for lanes 8..15. Must stay for 2 cycles after a step.
    window : ``In(3)``
        Pixels packed into a position, 1 to 5.
    words : ``Out(ArrayLayout(16, slots))``
    """

    latency = 2

    def __init__(self, machine: Machine):
        self.machine = machine
        self.words_layout = data.ArrayLayout(machine.group_lanes, machine.slots)
        super().__init__({
            "beat": In(machine.axi_data_bits),
            "step": In(1),
            "phase": In(3),
            "row_first": In(1),
            "picture": In(1),
            "high": In(1),
            "window": In(3),
            "words": Out(self.words_layout),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        slots = self.machine.slots
        two_steps = slots < PICTURE_BITS  # planes 0..3 of a pixel, then 4..7
        index = self.phase[1] if two_steps else self.phase[:2]
        apart = self.machine.map_steps > 1  # half of a map's beat a step, for half of the lanes
        if apart:
            index = Mux(self.picture, index, self.phase[0])
        part = self.beat.word_select(index, 8 * PICTURE_BYTES)

        # The pixel of this step and the four before it.
        pixels = Signal(
            data.ArrayLayout(PICTURE_CHANNELS * PICTURE_BITS, LONGEST_WINDOW), reset_less=True
        )
        upper = Signal()
        first_of_pixel = ~self.phase[0] if two_steps else Const(1)
        with m.If(self.step & first_of_pixel):
            m.d.sync += pixels[0].eq(part)
            for d in range(1, LONGEST_WINDOW):
                m.d.sync += pixels[d].eq(Mux(self.row_first, 0, pixels[d - 1]))

        # Beats of feature maps take the same time.
        plain = Signal(data.ArrayLayout(self.machine.image_channels, slots), reset_less=True)
        m.d.sync += [plain.eq(part if apart else self.beat), upper.eq(self.phase[0])]

        words = []
        for w in range(slots):
            word = []
            for d in range(LONGEST_WINDOW):
                for channel in range(PICTURE_CHANNELS):
                    lane = pixels[d][PICTURE_BITS * channel :][:PICTURE_BITS]
                    bit = Mux(upper, lane[4 + w], lane[w]) if two_steps else lane[w]
                    word.append(bit & (self.window > d))
            words.append(Cat(word))
        chosen = Signal(self.words_layout, reset_less=True)
        for w in range(slots):
            low = plain[w]
            word = Cat(low, Mux(self.high, low, 0)) if apart else low
            m.d.sync += chosen[w].eq(Mux(self.picture, words[w], word))
        m.d.comb += self.words.eq(chosen)
        return m
