"""The demo: a partner, a real Airflow and a local warehouse on one machine.

`make demo` runs it, `make demo-stop` ends it.
"""
