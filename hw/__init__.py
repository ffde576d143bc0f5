"""The machine in Amaranth: components, one a file, up to the accelerator that ``top`` wires."""
