"""Reports from records, by way of a comparison. Never imports torch.

Start with build.py, which makes all files of a report from the records of a folder. What is compared is in
comparison.py, and the parts of the report as data are in sections.py. The folders:

    output/           the formats: HTML, Markdown, CSV, LaTeX, JSON
    page/             heading, edition, claims, failures, environment, glossary
    cards/            cards of architectures, and where their numbers come from
    drawing/          charts as Vega-Lite, placement of labels, tooltips
    block_diagrams/   diagrams of the repeated block of a model
    findings/         key findings: sentences that are computed from the records
    modes/            execution modes: pairs of architecture and mode, their ranking, words, and gains
    why/              why an architecture takes its time: operators, stages, ceilings
    between_runs/     what changed between runs, environments and versions; the history of runs
    training/         names by the initial weights, shares of held-out images, ranks, recipes
    choosing/         amounts with units, limits, licenses, and the section
    published/        accuracies and their marks, depths, counts
"""
