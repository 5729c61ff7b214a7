"""Published figures: accuracies and their marks, depths, counts."""
