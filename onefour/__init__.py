"""The console script ``onefour``: one command for the programs of all folders."""
