"""The machine, on silicon: devices, boards, synthesis, place and route, reports."""
