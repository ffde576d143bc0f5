"""A picture file as the frame that a build expects."""

from pathlib import Path

from host.manifest import Manifest
from host.picture import Frame, load_picture


def load_frame(manifest: Manifest, path: Path) -> Frame:
    """Read a picture in the size, channels and order of colours that a build asks for."""
    description = manifest.description
    chosen = {"colour": description.colour, "fit": description.fit} if description else {}
    size = manifest.picture
    return load_picture(
        path, height=size.height, width=size.width, channels=size.channels, **chosen
    )
