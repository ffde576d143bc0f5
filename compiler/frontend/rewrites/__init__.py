"""Patterns of exporters in operators of the array, without changing a value."""
