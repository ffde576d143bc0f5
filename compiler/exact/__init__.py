"""Numbers of a graph without rounding errors: float64 with an error bound, or fractions."""
