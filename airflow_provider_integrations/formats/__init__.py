"""Bytes to typed Arrow record batches, by contract."""
