"""What can be wrong with a network, one class per stage of the compiler's front end."""

from arch.errors import OnefourError


class ReadError(OnefourError):
    """The file cannot be read as an ONNX network: damaged, incomplete, too large or not static."""


class UnsupportedError(OnefourError):
    """The network uses an operator, a form of one, or a bit width that is not supported."""


class QuantisationError(OnefourError):
    """Values that must be on an integer grid are not, or cannot be computed exactly."""


class CapacityError(OnefourError):
    """The network is supported, but something of it does not fit the chosen machine."""


class DifferenceError(OnefourError):
    """Two computations of one frame that do not agree."""
