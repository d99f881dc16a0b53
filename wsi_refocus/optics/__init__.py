"""How a microscope blurs a specimen, and how a scanner takes two shots of it."""
