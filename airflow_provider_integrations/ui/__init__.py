"""Pages inside the Airflow UI: the history of work items and the data docs, read only."""
