-- setup 1
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- setup 2
SET TIME ZONE 'UTC';

-- setup 3
SET datestyle = 'ISO, YMD';

-- setup 4
SET intervalstyle = 'postgres';

-- setup 5
SET extra_float_digits = 1;

-- setup 6
SET lock_timeout = 10000;

-- setup 7
SET application_name = 'dag.task runs';

-- setup 8
SET statement_timeout = 12500;

-- share the snapshot
SELECT pg_export_snapshot();

-- join 1
SET TRANSACTION SNAPSHOT '00000003-00000002-1';

-- engine
SELECT 'postgresql ' || current_setting('server_version_num')::int / 10000 || ' ' || current_database() || ' ' || datcollate FROM pg_database WHERE datname = current_database();

-- backend
SELECT CAST(pg_backend_pid() AS text);

-- cancel
SELECT pg_cancel_backend(4711);
