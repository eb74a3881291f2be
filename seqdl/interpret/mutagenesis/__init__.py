"""In-silico mutagenesis: edits and their engines, mutants of each kind, the core, the verb, its files."""
