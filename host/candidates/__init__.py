"""Where boxes can be: the maps that say it; results fetched, or heads computed, there alone."""
