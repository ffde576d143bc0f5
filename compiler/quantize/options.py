"""What to make of a float network: bits, and the methods by which they are reached."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Options:
    """Bits of weights and activations, and methods (``ranges``, ``rounding``, ``equalise``).

    ``first`` and ``last``: bits of the weights of the convolutions that see the picture, and of the
    heads. ``correct``: biases take back what quantisation does to the means of sums.
    ``pictures``: how many to look at, most; ``windows``: of how
    many of them windows are looked at, whose inner products are what costs time.
    """

    weights: int = 8
    activations: int = 8
    first: int = 8
    last: int = 8
    ranges: str = "auto"
    steps: str = "mse"
    rounding: str = "adaptive"
    equalise: bool = True
    correct: bool = True
    pictures: int = 128
    windows: int = 32
    threads: int = 1
    seed: int = 0

    def told(self, looked_at: int) -> str:
        """All that decides what comes out, as text; ``looked_at``: pictures that there were."""
        chosen = asdict(self) | {"pictures": min(self.pictures, looked_at)}
        del chosen["threads"]
        return ", ".join(f"{name} {value}" for name, value in chosen.items())
