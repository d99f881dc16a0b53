"""How good methods are: on real focal stacks and on simulated acquisitions of held-out images."""
