"""Catalogs of the extension folders, plug-ins and selections. Does not import torch."""
