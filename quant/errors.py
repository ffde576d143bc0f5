"""What a user of the training package can put right."""

from arch.errors import OnefourError


class TrainingError(OnefourError):
    """A data set, setting or figure that cannot be trained with as it is."""
