"""Maps that stay on chip: which of them, where, and who waits for whom."""
