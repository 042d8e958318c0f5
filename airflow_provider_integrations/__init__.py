"""Airflow operators that land, verify and load enterprise data without losing or doubling a row."""

__version__ = "0.1.0"
