"""Labelled pictures on their way to a batch."""
