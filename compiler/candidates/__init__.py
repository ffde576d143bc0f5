"""Places that can become boxes: found in heads and tails, compared; heads left to the host."""
