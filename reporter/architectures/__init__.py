"""What is compared: one file per family, each ending in `ENTRIES`, a tuple of `Architecture`.

torch is imported inside the build functions, so that listing the architectures does not need it.
"""
