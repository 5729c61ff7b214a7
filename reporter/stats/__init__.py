"""Statistics of samples and intervals. Knows nothing of architectures or reports; imports nothing of this package."""
