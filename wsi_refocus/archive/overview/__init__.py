"""What became of an archive, for people and for tables: made from the ledger alone."""
