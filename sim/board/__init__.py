"""What stands around a design on a board, in simulation: pads, SDRAM, the host's line."""
