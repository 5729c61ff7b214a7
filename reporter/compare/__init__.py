"""What changed between two runs, and whether it is noise. Never imports torch.

folders.py        from two lists of records to Differences, and the folders that they come from
matching.py       which record is compared with which, and the exact gate
times.py          the statistical gate: the rule for times
stored_comparison.py comparisons of a results folder, read with the reason if one is not valid
time_verdict.py   the verdict on a change of time, with its reason
rounds.py         the times of one metric, round by round: which architectures a run distinguishes
held_out.py       shares of held-out images: their intervals, and which a run distinguishes
recent_level.py   the rule of --fail-on level: a run compared with the level of earlier ones
levels.py         changes of level in the run history, for the report
log_times.py      logarithms of the times of one side, and their noise between rounds, architectures and runs
paired.py         the statistical gate of `reporter ab`
kernel_changes.py  layers that ran another kernel than before
kernel_effects.py  what the times say beside a changed kernel
changed_calls.py  the layers of two lists of calls whose kernel changed
unnamed_calls.py  calls of ledgers without layers, matched by their order
kernel_digests.py  the digests of the kernels in a record, and whether they differ
output_changes.py  outputs of execution modes that came to be wrong, or right again
mode_gains.py     execution modes that differ from eager by more than noise
processors.py     processors of one machine key that compute in other precisions
environments.py   the two environments of `reporter ab`, and whether both are the same
current_curves.py  curves without points that were measured under other conditions
differences.py    the findings of a comparison, and the exit code that --fail-on gives for them
document.py       Differences as JSON
baseline_file.py  comparison.json: the findings of a run with --baseline
reference_rule.py the rule for times that were measured in turns with a pinned reference
noisy_times.py    times without a verdict against a pinned reference
reference_file.py against.json: the comparison with a pinned reference
ratio_history.py  ratios.jsonl: the history of the ratios to a pinned reference
ratio_curves.py   these ratios as one curve for each row on each kind of machine
reference_names.py  names of references and of kinds of machines, and those that they had before
ratio_levels.py   changes of level in these ratios, for the report
bisection.py      the search of `reporter ab --walk` for the version at which a time increased
walk_result.py    what this walk has found
"""
