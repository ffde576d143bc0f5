"""Weights quantised after training: which scheme and granularity costs how much accuracy."""
