"""Reading slides of one, two or many focal planes."""
