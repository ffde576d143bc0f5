"""The SDRAM controller of a board design: an AXI4 port to a bare SDR SDRAM, and its pads."""
