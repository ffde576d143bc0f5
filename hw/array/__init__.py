"""The processing array: one-bit products counted, shifted and added."""
