"""Timing: of one call, of several variants in turns, and over the batch and image size."""
