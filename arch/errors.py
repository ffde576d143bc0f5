"""The errors a user can cause, one class per stage; each carries one complete message."""


class OnefourError(Exception):
    """Something the user can put right; the command line prints it and ends with ``status``."""

    status = 2


class ConfigurationError(OnefourError):
    """A machine or board that cannot be built as described."""
