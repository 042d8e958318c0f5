"""Bronze: write-once Parquet with a manifest."""
