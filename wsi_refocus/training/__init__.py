"""Training two-shot networks on simulated acquisitions of in-focus images."""
