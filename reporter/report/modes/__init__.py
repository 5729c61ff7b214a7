"""Execution modes in the report: pairs of architecture and mode, their ranking, words, and what each gains."""
