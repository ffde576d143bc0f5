"""How parts hand things to each other: queues, delays and AXI."""
