"""The parts of `seqdl.predict`: the forward pass, where windows come from, what is written."""
