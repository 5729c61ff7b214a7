"""Why an architecture takes its time: operators, stages and ceilings of records."""
