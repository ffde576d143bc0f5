"""The machine, on silicon: ECP5 devices, place and route; whole boards with memory and link."""
