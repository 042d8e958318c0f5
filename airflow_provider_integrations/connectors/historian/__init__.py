"""Plant historians and meters: every value that is there, no value that is not."""
