"""The machine and the processes on it, for the parent and the workers. Imports no torch at module level."""
