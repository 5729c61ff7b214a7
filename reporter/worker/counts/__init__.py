"""Exact counts of a model: multiply-adds, activations, depth, memory, receptive fields, per stage."""
