"""Places that are not local: URLs, parts of remote files, copies on a local disk, uploads."""
