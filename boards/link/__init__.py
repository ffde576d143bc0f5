"""The host's way in, on the board: a serial line, packets with checksums, memory and registers."""
