"""From sums to memory: thresholds, pooling, positions, and bursts of bytes."""
