"""Reports from records, by way of a comparison. Never imports torch.

Start with build.py, which makes all files of a report from the records of a folder. What is compared is
in comparison.py, the parts of the report as data in sections.py, and its output formats in formats.py. The folders:

    findings/         key findings: sentences that are computed from the records
    modes/            execution modes: pairs of architecture and mode, their ranking, words, and gains
    why/              why an architecture takes its time: operators, stages, ceilings
    between_runs/     what changed between runs, environments and versions; the history of runs
    training/         names by the initial weights, shares of held-out images, ranks, recipes
    choosing/         amounts with units, limits, licenses, and the section
    published/        accuracies and their marks, depths, counts
    block_diagrams/   diagrams of the repeated block of a model
"""
