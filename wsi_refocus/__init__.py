"""Refocus whole slides scanned at two focal planes."""

__version__ = "0.1.0"
