"""Control port, program fetch and dispatch: what happens when."""
