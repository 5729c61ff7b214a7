"""Training shown in the report: names by the initial weights, shares of held-out images, ranks, recipes."""
