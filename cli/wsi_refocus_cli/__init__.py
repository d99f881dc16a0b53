"""Command line of wsi-refocus."""
