"""Tables over ODBC: read by keyset, incrementally, with a stated guarantee."""
