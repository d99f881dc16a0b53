"""How far a refocused tile can be believed: evidence, a calibrated bound, and what is done about it."""
