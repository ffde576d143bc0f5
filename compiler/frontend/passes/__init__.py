"""One pass per file: rewrites of the graph into a new one, and checks that only look at it."""
