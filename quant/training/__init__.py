"""The loop, and what it needs: loss, optimiser, oscillation, correction, several processes."""
