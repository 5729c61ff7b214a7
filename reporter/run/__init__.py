"""The running side: plans jobs, starts a worker for each, here or on other machines, and keeps what they say.

It never imports torch. From outside in: `experiment` runs a request, `work` hands its jobs to the slots of an
`executor` or of a Ray `cluster`, `ledger` keeps the readings of one network; `budget` and `ab` are other ways to run.
"""
