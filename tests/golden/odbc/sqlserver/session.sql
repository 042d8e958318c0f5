-- setup 1
SET TRANSACTION ISOLATION LEVEL SNAPSHOT;

-- setup 2
SET DATEFORMAT ymd;

-- setup 3
SET LOCK_TIMEOUT 10000;

-- engine
SELECT CONCAT('sqlserver ', CAST(SERVERPROPERTY('ProductMajorVersion') AS varchar(10)), ' ', DB_NAME(), ' ', CAST(DATABASEPROPERTYEX(DB_NAME(), 'Collation') AS varchar(128)));

-- backend
SELECT CAST(@@SPID AS varchar(10));

-- cancel
KILL 4711;
