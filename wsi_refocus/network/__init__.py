"""Two-shot networks, their checkpoints and how they run."""
