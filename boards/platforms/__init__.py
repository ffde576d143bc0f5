"""Boards that people own, one a file: pins, clocks, memory, link, and nothing else."""
