"""Pictures of coloured shapes with their boxes, drawn from a seed: the demo network's data set.

Everything is NumPy arithmetic on signed distances (no font, no drawing library), so one seed gives
the same picture everywhere, up to the last bit of a sine between processors. Regular polygons and
stars share one formula: fold the angle into one sector and measure the distance to that sector's
single edge.
"""

from dataclasses import dataclass

import numpy as np

CLASSES = ("disc", "ring", "square", "triangle", "star")


@dataclass(frozen=True, kw_only=True)
class RenderConfig:
    """What a picture may contain. Lengths are in pixels."""

    size: int = 160
    min_diameter: float = 14.0
    max_diameter: float = 72.0
    max_shapes: int = 7
    max_distractors: int = 7
    min_contrast: float = 80.0  # Euclidean RGB distance between a shape and what it covers
    max_overlap: float = 0.35  # intersection over the smaller of two boxes

    def __post_init__(self):
        if not 4 <= self.min_diameter <= self.max_diameter <= self.size:
            raise ValueError(
                f"diameters must satisfy 4 <= min <= max <= size, not "
                f"{self.min_diameter}, {self.max_diameter}, {self.size}"
            )


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One rendered picture.

    ``pixels``: uint8 [size, size, 3], RGB. ``boxes``: float32 [n, 4], x0 y0 x1 y1 in pixels (the
    right and bottom edges are exclusive). ``labels``: int64 [n], indices into ``CLASSES``.
    """

    pixels: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray


def shape_distance(
    label: int, radius: float, angle: float, squash: float, dx: np.ndarray, dy: np.ndarray
) -> np.ndarray:
    """Signed distance (pixels, negative inside) from each offset (dx, dy) to a centred shape."""
    x = np.cos(angle) * dx + np.sin(angle) * dy
    y = (np.cos(angle) * dy - np.sin(angle) * dx) / squash
    distance = np.hypot(x, y)
    name = CLASSES[label]
    if name == "disc":
        return distance - radius
    if name == "ring":
        return np.abs(distance - 0.76 * radius) - 0.24 * radius
    corners, inner = {"square": (4, None), "triangle": (3, None), "star": (5, 0.42)}[name]
    half = np.pi / corners
    folded = np.abs((np.arctan2(y, x) + half) % (2 * half) - half)
    # The sector's edge runs from the outer corner (radius, 0) to the point halfway to the next
    # corner: on the chord for a polygon, pulled inwards for a star.
    depth = radius * (np.cos(half) if inner is None else inner)
    edge = np.array([depth * np.cos(half) - radius, depth * np.sin(half)])
    edge /= np.hypot(*edge)
    px, py = distance * np.cos(folded) - radius, distance * np.sin(folded)
    return edge[1] * px - edge[0] * py


def coverage(distance: np.ndarray) -> np.ndarray:
    """Share of each pixel inside, from its centre's signed distance: one pixel of antialiasing."""
    return np.clip(0.5 - distance, 0.0, 1.0)


def _smooth_noise(rng: np.random.Generator, cells: int, size: int) -> np.ndarray:
    """Bilinearly enlarged random grid in -1..1, [size, size, 3]."""
    grid = rng.uniform(-1, 1, (cells + 1, cells + 1, 3))
    at = np.linspace(0, cells - 1e-6, size)
    low, t = at.astype(int), (at % 1)[:, None, None]
    rows = grid[low] * (1 - t) + grid[low + 1] * t
    t = t.reshape(1, -1, 1)
    return rows[:, low] * (1 - t) + rows[:, low + 1] * t


def _background(rng: np.random.Generator, size: int) -> np.ndarray:
    """Colour gradients, several octaves of noise and at times stripes, [size, size, 3] floats."""
    canvas = np.tile(rng.uniform(30, 225, 3), (size, size, 1))
    canvas += 45 * _smooth_noise(rng, 1, size)
    for cells in (4, 11, 32):
        canvas += rng.uniform(0, 16) * _smooth_noise(rng, cells, size)
    if rng.random() < 0.35:
        angle, period = rng.uniform(0, np.pi), rng.uniform(6, 26)
        yy, xx = np.mgrid[:size, :size]
        wave = np.sin(2 * np.pi * (np.cos(angle) * xx + np.sin(angle) * yy) / period)
        canvas += (np.sign(wave) * rng.uniform(4, 16))[..., None] * rng.uniform(0.3, 1, 3)
    return canvas


def _distractor_distance(rng: np.random.Generator, size: int) -> np.ndarray:
    """Signed distance to a line, an arc of a large circle or a dot too small to be a shape."""
    yy, xx = np.mgrid[:size, :size] + 0.5
    kind = rng.integers(3)
    x, y = rng.uniform(0, size, 2)
    width = rng.uniform(0.6, 2.0)
    if kind == 0:
        angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(15, size)
        ux, uy = np.cos(angle), np.sin(angle)
        along = np.clip((xx - x) * ux + (yy - y) * uy, 0, length)
        return np.hypot(xx - x - along * ux, yy - y - along * uy) - width
    if kind == 1:
        reach = rng.uniform(size * 0.5, size)
        angle = rng.uniform(0, 2 * np.pi)
        away = np.hypot(xx - x - reach * np.cos(angle), yy - y - reach * np.sin(angle))
        return np.maximum(np.abs(away - reach) - width, np.hypot(xx - x, yy - y) - reach * 0.5)
    return np.hypot(xx - x, yy - y) - rng.uniform(1.0, 3.0)


def _paint(canvas: np.ndarray, cover: np.ndarray, colour: np.ndarray, at: tuple[slice, slice]):
    canvas[at] += cover[..., None] * (colour - canvas[at])


def _overlaps(box: tuple, boxes: list[tuple], limit: float) -> bool:
    for other in boxes:
        w = min(box[2], other[2]) - max(box[0], other[0])
        h = min(box[3], other[3]) - max(box[1], other[1])
        areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (box, other)]
        if w > 0 and h > 0 and w * h > limit * min(areas):
            return True
    return False


def _contrasting(rng: np.random.Generator, covered: np.ndarray, contrast: float) -> np.ndarray:
    for _ in range(40):
        colour = rng.uniform(5, 250, 3)
        if np.linalg.norm(colour - covered) >= contrast:
            break
    return colour


def _place_shape(
    rng: np.random.Generator, canvas: np.ndarray, boxes: list[tuple], config: RenderConfig
) -> tuple[int, tuple] | None:
    """Draw one shape where there is room; its label and box, or None when there was none."""
    label = int(rng.integers(len(CLASSES)))
    # Uniform in the logarithm: as many small shapes as large ones.
    low, high = np.log(config.min_diameter / 2), np.log(config.max_diameter / 2)
    radius, squash = float(np.exp(rng.uniform(low, high))), rng.uniform(0.8, 1.0)
    x, y = rng.uniform(radius, config.size - radius, 2)
    x0, y0 = max(int(x - radius) - 1, 0), max(int(y - radius) - 1, 0)
    x1, y1 = min(int(x + radius) + 3, config.size), min(int(y + radius) + 3, config.size)
    dy, dx = np.mgrid[y0:y1, x0:x1] + 0.5 - np.reshape([y, x], (2, 1, 1))
    angle = rng.uniform(0, 2 * np.pi)
    inside = coverage(shape_distance(label, radius, angle, squash, dx, dy))
    rows, columns = (np.flatnonzero((inside > 0.5).any(axis)) for axis in (1, 0))
    box = (x0 + columns[0], y0 + rows[0], x0 + columns[-1] + 1, y0 + rows[-1] + 1)
    if _overlaps(box, boxes, config.max_overlap):
        return None
    at = (slice(y0, y1), slice(x0, x1))
    covered = (canvas[at] * inside[..., None]).sum((0, 1)) / inside.sum()
    colour = _contrasting(rng, covered, config.min_contrast)
    shade = rng.uniform(-22, 22, 2) @ np.stack([dx.ravel(), dy.ravel()]) / radius
    _paint(canvas, inside, colour + shade.reshape(inside.shape)[..., None], at)
    return label, box


def render(seed: int, index: int, config: RenderConfig | None = None) -> Picture:
    """Picture number ``index`` of the endless set that ``seed`` names."""
    config = config or RenderConfig()
    rng = np.random.default_rng([seed, index])
    canvas = _background(rng, config.size)
    everywhere = (slice(None), slice(None))
    # Most distractors lie behind the shapes, the last ones in front of them.
    distractors = int(rng.integers(config.max_distractors + 1))
    in_front = int(rng.integers(2)) if distractors else 0
    for _ in range(distractors - in_front):
        cover = coverage(_distractor_distance(rng, config.size))
        _paint(canvas, cover, rng.uniform(0, 255, 3), everywhere)
    labels, boxes = [], []
    for _ in range(int(rng.integers(1, config.max_shapes + 1))):
        for _attempt in range(12):
            placed = _place_shape(rng, canvas, boxes, config)
            if placed is not None:
                labels.append(placed[0])
                boxes.append(placed[1])
                break
    for _ in range(in_front):
        cover = coverage(_distractor_distance(rng, config.size))
        _paint(canvas, cover, rng.uniform(0, 255, 3), everywhere)
    canvas += rng.normal(0, rng.uniform(0, 9), canvas.shape)
    return Picture(
        pixels=np.clip(np.rint(canvas), 0, 255).astype(np.uint8),
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.array(labels, np.int64),
    )
