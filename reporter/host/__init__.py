"""The machine and its processes, for the parent and the workers. Does not import torch at module level."""
