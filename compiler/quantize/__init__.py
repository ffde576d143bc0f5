"""A float network into few bits without training: where quantisers stand, ranges, rounding."""
