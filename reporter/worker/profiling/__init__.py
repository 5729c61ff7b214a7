"""Where the time goes: operators, kernels, stages, and ceilings of the processor."""
