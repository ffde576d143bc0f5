"""Jobs cut into tiles: all ways to do it, what each costs, and which is best."""
