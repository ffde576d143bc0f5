"""What a bitstream does: its configuration, read back into Verilog that can be simulated."""
