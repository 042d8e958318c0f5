-- setup 1
SET time_zone = '+00:00';

-- setup 2
SET SESSION sql_mode = CONCAT('ALLOW_INVALID_DATES,', REPLACE(REPLACE(REPLACE(@@sql_mode, 'NO_ZERO_IN_DATE', ''), 'NO_ZERO_DATE', ''), 'TRADITIONAL', ''));

-- setup 3
SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ;

-- setup 4
SET SESSION TRANSACTION READ ONLY;

-- setup 5
SET SESSION optimizer_switch = 'index_merge=off';

-- setup 6
SET SESSION lock_wait_timeout = 10;

-- setup 7
SET max_statement_time = 12.500;

-- begin 1
START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY;

-- engine
SELECT CONCAT('mariadb ', SUBSTRING_INDEX(VERSION(), '.', 1), ' ', COALESCE(DATABASE(), ''), ' ', @@collation_database);

-- backend
SELECT CAST(CONNECTION_ID() AS CHAR);

-- cancel
KILL QUERY 4711;
