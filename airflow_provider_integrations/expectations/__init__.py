"""The gate: Great Expectations over a landed batch."""
