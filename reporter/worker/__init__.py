"""Code that runs in worker processes, where torch is imported.

counts/     exact counts of a model: multiply-adds, activations, memory, receptive fields
latency/    timing of a call, of several variants in turns, and over the batch and image size
profiling/  operators, kernels and stages, and the ceilings of the processor
variants/   execution modes: preparation, checks of the outputs, timing in turns with eager
weights/    checkpoints, and the heads that their weights belong to
learning/   training: images, steps, the accuracy on held-out images, gradients

The modules beside these folders start a worker (entry.py), find and build a model, and set up its device and inputs.
"""
