"""How the work is done: chunk by chunk, kept until the output is whole, on one machine or on many."""
