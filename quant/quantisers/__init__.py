"""Quantisers: from real tensors to few codes and back, with a gradient. One method per file."""
