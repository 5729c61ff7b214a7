"""Choosing an architecture under limits: amounts with units, limits, licenses, and the section."""
