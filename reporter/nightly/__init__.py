"""Nightly runs: measured in a separate folder, compared with the last accepted run, and moved when complete.

one_run.py       one run: measure, compare, put it in place, print one screen
state.py         what is stored of a run: findings, failures, acceptances
run_folder.py    the files: the run in progress, the complete run, the baseline
baseline.py      the records that a run is compared with
kernel_ledgers.py  the ledgers of their kernels
findings.py      from two lists of records to findings
reference_findings.py  findings against a pinned reference, and those that are known
acceptance.py    `reporter accept`: entries of accepted.json
accept_command.py  the command for a line of the screen
level.py         the accepted runs that define the level of a time
run_failures.py  readings, points of curves and claims that failed
missing.py       architectures that cannot be found or built
outlets.py       what other systems show of a run: its result, a comment
issue_places.py  the times that an issue is open for
stored_documents.py  the files that these are based on
outlet_rows.py   the rows of these: findings, verdicts against a reference
outlet_advice.py  what to do about a run
main_job_findings.py  the findings of a run of the main job with --baseline
outlet_files.py  JUnit XML, and JSON for github-action-benchmark
screen.py        what a run prints
dates.py         moments and days as texts have them
headlines.py     the headlines of recent runs, and index.html
run_document.py  the JSON of a run, and its lines in history.jsonl
"""
