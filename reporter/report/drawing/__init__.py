"""Charts as Vega-Lite: SVG and PNG, placement of labels, tooltips, and what is shown of many architectures."""
