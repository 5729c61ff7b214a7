"""Parts of the page around charts, tables and cards: heading, edition, claims, failures, environment, glossary."""
