"""Where boxes can be: the maps that say it, and results fetched at these places alone."""
