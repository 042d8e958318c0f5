"""X12 and EDIFACT: read, check, acknowledge, turn into rows and back; all of it pure."""
