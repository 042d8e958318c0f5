-- setup 1
ALTER SESSION SET TIME_ZONE = '+00:00';

-- setup 2
ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,';

-- setup 3
ALTER SESSION SET NLS_SORT = BINARY;

-- setup 4
ALTER SESSION SET NLS_COMP = BINARY;

-- setup 5
ALTER SESSION SET NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS';

-- begin 1
SET TRANSACTION READ ONLY;

-- engine
SELECT 'oracle ' || SYS_CONTEXT('USERENV', 'DB_UNIQUE_NAME') || ' ' || SYS_CONTEXT('USERENV', 'CON_NAME') || ' ' || value FROM nls_session_parameters WHERE parameter = 'NLS_SORT';

-- backend: none

-- cancel: none
