"""In-silico mutagenesis: edits and what evaluates them, mutants of each kind, the core on codes, the verb, its files."""
