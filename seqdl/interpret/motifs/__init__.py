"""Motifs of a network: from its filters or its contributions, matched with known ones, called back."""
