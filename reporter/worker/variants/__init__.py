"""Execution modes: preparing a network for them, checking their outputs, timing them in turns with eager."""
