"""The machine, running: test benches, memory model and whole frames in simulation."""
