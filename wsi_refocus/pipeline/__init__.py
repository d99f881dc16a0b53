"""Refocusing a slide, from plan to finished store."""
