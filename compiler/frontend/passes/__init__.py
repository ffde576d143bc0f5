"""One rewrite of the graph per file, each a pure function."""
