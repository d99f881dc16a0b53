"""Whole archives: which slides there are, what became of each, and the work on all of them."""
