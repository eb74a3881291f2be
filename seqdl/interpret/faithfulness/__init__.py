"""Is the explanation true? Measurements of an attribution, each a function of its own.

- `recovery`: do the bases that matter lie in known motifs?
- `curves`: does the prediction fall when they are taken away, and rise when they are put in?
- `randomisation`: does the explanation notice when the network forgets what it learned?
- `agreement`: do methods, and members of an ensemble, name the same bases?
- `check`: all of them together on a trained run.
"""
