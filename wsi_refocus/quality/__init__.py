"""Measures of focus and fidelity."""
