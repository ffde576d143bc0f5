"""Thresholds in a few numbers: a multiplication, or base and step, equal for every sum."""
