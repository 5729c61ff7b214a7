"""Published truth with its sources, as CSV: never retyped in code."""
