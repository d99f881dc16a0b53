"""Methods without a network."""
