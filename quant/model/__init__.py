"""Detectors in any precision, and the policy that gives every layer its bits."""
