"""Tiles on the slide's own grid, and which of them hold tissue."""
