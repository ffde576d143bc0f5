"""What stands around an FPGA on a board, in simulation: its memory, its cells at the pads, a host."""
