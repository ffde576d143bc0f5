"""The memories on chip, and the block RAM and LUT RAM that they are made of."""
