"""The array at work: positions read, passes issued, sums captured."""
