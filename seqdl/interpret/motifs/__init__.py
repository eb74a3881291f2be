"""Motifs of a network: from its filters, by discovery over contributions, matched with known ones, called back."""
