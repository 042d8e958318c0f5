"""Into Snowflake, once: PUT, COPY INTO, MERGE."""
