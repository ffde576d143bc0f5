"""Numbers as whole multiples of one unit, exactly or but for their rounding to float32."""

from fractions import Fraction

import numpy as np

from compiler.exact.reals import Number, multiples

#: Whole numbers that float64 holds exactly, with their sums.
LARGEST = 2**53
#: Multiples up to this are a grid; larger ones are what rounding to float32 left of one, or none.
SMALL = 2**16
LARGEST_ROUNDED = 255
MOST_ROUNDED = 256


def on_grid(numbers: list[Number]) -> tuple[list[int], Fraction] | None:
    """Whole multiples and their unit; None where float64 does not hold the multiples.

    Numbers that float32 has rounded from multiples k * g of up to 255, such as weights that were
    multiplied by their scale before they were stored, are those multiples.
    """
    if not all(isinstance(n, Fraction) for n in numbers):
        return None
    found, unit = multiples(numbers)
    largest = max(map(abs, found), default=0)
    if largest > SMALL and len(numbers) <= MOST_ROUNDED:
        rounded = before_rounding(np.array([float(n) for n in numbers]))
        if rounded is not None:
            return rounded
    return (found, unit) if largest < LARGEST else None


def before_rounding(numbers: np.ndarray) -> tuple[list[int], Fraction] | None:
    """Multiples and unit of which ``numbers`` are all within half a unit of float32's last place.

    The unit is a float32 number if one will do. None where there is none.
    """
    size = np.abs(numbers)
    half = np.spacing(size.astype(np.float32)).astype(np.float64) / 2
    smallest = size[size > 0].min(initial=np.inf)
    for part in range(1, LARGEST_ROUNDED + 1):
        places = np.rint(numbers / (smallest / part))
        if np.abs(places).max() > LARGEST_ROUNDED:
            return None
        used = places != 0
        if (size[~used] > 0).any():
            continue
        count = np.abs(places[used])
        low = ((size - half)[used] / count).max()
        high = ((size + half)[used] / count).min()
        if low > high:
            continue
        near = np.float32((low + high) / 2)
        for unit in (near, np.nextafter(near, np.float32(0)), np.nextafter(near, near * 2)):
            if low <= float(unit) <= high:
                return places.astype(int).tolist(), Fraction(float(unit))
        return places.astype(int).tolist(), Fraction((low + high) / 2)
    return None
