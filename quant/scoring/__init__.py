"""How good and how large: average precision, compiled networks, cost."""
