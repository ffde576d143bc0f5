"""A training on disk: its settings, its folder, its log."""
