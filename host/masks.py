"""Masks of what was found: a picture for each box, mixed from the prototypes of one output.

A model with masks (YOLOv8-seg and its sisters, YOLOv5-seg) has K prototypes [1, K, h, w], maps as
large as a quarter of its input, and behind the classes of each place K coefficients. Where the sum
of coefficient times prototype is above 0, and inside the box, is the thing.
"""

import numpy as np
from PIL import Image

from host.detection import Detections
from host.picture import Placement


def masks_on_picture(
    found: Detections, prototypes: np.ndarray, size: tuple[int, int], placement: Placement
) -> np.ndarray:
    """Masks bool [n, height, width] of the picture, for ``found`` with boxes in its pixels.

    ``prototypes`` [K, h, w]; ``size``: height and width of the network's input. Sums are
    interpolated linearly between the prototypes' cells.
    """
    count, high, wide = prototypes.shape
    mixed = found.coefficients @ prototypes.reshape(count, -1).astype(np.float64)
    # Where the picture lies, in cells of the prototypes.
    across, down = wide / size[1], high / size[0]
    left, top = placement.left * across, placement.top * down
    right = left + placement.width * placement.scale_x * across
    bottom = top + placement.height * placement.scale_y * down
    region = (left, top, min(right, wide), min(bottom, high))
    masks = np.zeros((len(found), placement.height, placement.width), bool)
    for mask, sums, (x0, y0, x1, y1) in zip(masks, mixed, found.boxes, strict=True):
        whole = Image.fromarray(sums.reshape(high, wide).astype(np.float32)).resize(
            (placement.width, placement.height), Image.Resampling.BILINEAR, box=region
        )
        # Pixels whose centres are in the box.
        rows, columns = (slice(round(low), round(end)) for low, end in ((y0, y1), (x0, x1)))
        mask[rows, columns] = np.asarray(whole)[rows, columns] > 0
    return masks
