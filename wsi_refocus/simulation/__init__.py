"""Slides as a two-shot scanner would take them, made of slides in focus."""
