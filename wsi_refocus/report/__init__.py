"""Pages about outputs, for people: the report of a run, the comparison of two outputs."""
