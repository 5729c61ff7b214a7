"""Languages: one gettext catalog per language, `<code>.po`; the English texts are in the code."""
