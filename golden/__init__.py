"""What must be computed: integer networks, and the machine that runs programs. NumPy, bit-exact."""
