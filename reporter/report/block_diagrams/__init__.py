"""Diagrams of the repeated block of a model: boxes, their layout, and SVG."""
