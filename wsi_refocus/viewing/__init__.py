"""Looking at a result in a viewer."""
