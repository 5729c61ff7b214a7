"""The command line: options, progress, and a file for each subcommand."""
