"""What the operators of a graph mean: values, limits, shapes and types."""
