"""Cards of architectures: their structure, the costs of their stages, and where the numbers come from."""
