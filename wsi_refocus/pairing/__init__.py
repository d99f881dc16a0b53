"""From the planes of a slide to two aligned shots and the choice between them."""
