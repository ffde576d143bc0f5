"""Thresholds on what the array counts, and in a few numbers: base and step, or a product."""
