"""Benchmarks beside peers: `python -m benchmarks [--quick]`; docs/benchmarks.md says what is compared."""
