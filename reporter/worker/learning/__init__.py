"""Training: images, steps, the accuracy on held-out images, gradients."""
