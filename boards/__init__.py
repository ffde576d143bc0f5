"""The machine, on silicon: ECP5 devices, synthesis, place and route, reports. Cores, no boards."""
