"""Boards in use: plugged in or simulated, loaded, tested, and given pictures."""
