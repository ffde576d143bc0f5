"""Integer network to program: jobs, bit-planes in lanes, tiles, memory, and the order of it all."""
