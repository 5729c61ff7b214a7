"""Translations of the report: one gettext catalog per language, `<code>.po`; the messages in the code are English."""
