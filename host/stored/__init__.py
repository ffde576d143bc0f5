"""What memory holds of a frame, as manifests tell it."""
