"""Code that runs in worker processes, where torch is imported: building, counting, timing and training."""
