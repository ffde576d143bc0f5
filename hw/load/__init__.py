"""From memory into the chip: bursts read, unpacked, and written to the memories there."""
