"""A picture file as the frame that a build expects."""

from pathlib import Path

from host.manifest import Manifest
from host.picture import Frame, load_picture


def load_frame(manifest: Manifest, path: Path) -> Frame:
    """Read a picture in the size, channels and order of colours that a build asks for."""
    description = manifest.description
    chosen = {"colour": description.colour, "fit": description.fit} if description else {}
    if description is None and manifest.tail is not None and manifest.tail.boxes is not None:
        chosen = {"fit": manifest.tail.boxes.fit}
    size = manifest.picture
    return load_picture(
        path, height=size.height, width=size.width, channels=size.channels, **chosen
    )
