"""The cycles of a program, predicted exactly: loads, passes, writes."""
