-- engine
SELECT 'sqlite ' || substr(sqlite_version(), 1, 1);

-- backend: none

-- cancel: none
