"""Bits of each layer by what a frame may cost: sensitivity against cycles."""
