"""Output formats: HTML and Markdown from templates, CSV, LaTeX, JSON, and formulas in each."""
