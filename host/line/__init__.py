"""What goes over the line to a board: packets, and frames in flight."""
