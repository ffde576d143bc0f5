"""Forms that a picture is stored in, for its first convolutions."""
