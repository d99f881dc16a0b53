"""Writing pyramidal OME-Zarr."""
