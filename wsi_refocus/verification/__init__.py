"""Whether an output still is what a run wrote."""
