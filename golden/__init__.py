"""What the machine must compute: NumPy, integers only, bit-exact."""
