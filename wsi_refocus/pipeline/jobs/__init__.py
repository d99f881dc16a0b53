"""Workers as jobs of a batch system."""
