"""Which words: one gettext catalogue per language, `<code>.po`; English stands in the code itself."""
