"""Places that can become boxes: found in heads and tails, and compared on the array."""
