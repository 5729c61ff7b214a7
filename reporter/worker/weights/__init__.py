"""Weights from checkpoints, and the heads that they belong to."""
