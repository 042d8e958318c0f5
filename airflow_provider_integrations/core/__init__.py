"""The pure middle: values and functions with no Airflow, no driver, no clock, no randomness and no files."""
