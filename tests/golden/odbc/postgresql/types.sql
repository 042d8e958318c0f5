-- smallint, read as int64
SELECT "v" AS v;

-- smallint, as a key
SELECT CAST("v" AS text) AS as_text, CAST(? AS smallint) AS from_text;

-- integer, read as int64
SELECT "v" AS v;

-- integer, as a key
SELECT CAST("v" AS text) AS as_text, CAST(? AS integer) AS from_text;

-- bigint, read as int64
SELECT "v" AS v;

-- bigint, as a key
SELECT CAST("v" AS text) AS as_text, CAST(? AS bigint) AS from_text;

-- numeric, read as string
SELECT CAST("v" AS text) AS v;

-- numeric, as a key
SELECT CAST("v" AS text) AS as_text, CAST(? AS numeric) AS from_text;

-- numeric(38,10), read as decimal128(38, 10)
SELECT "v" AS v, "v" = 'NaN' AS suspect, CAST("v" AS text) AS guarded;

-- numeric(38,10), as a key
SELECT CAST("v" AS text) AS as_text, CAST(? AS numeric(38,10)) AS from_text;

-- numeric(5,-2), read as string
SELECT CAST("v" AS text) AS v;

-- numeric(5,-2), as a key
SELECT CAST("v" AS text) AS as_text, CAST(? AS numeric(5,-2)) AS from_text;

-- numeric(50,5), read as string
SELECT CAST("v" AS text) AS v;

-- numeric(50,5), as a key
SELECT CAST("v" AS text) AS as_text, CAST(? AS numeric(50,5)) AS from_text;

-- real, read as double
SELECT CAST("v" AS double precision) AS v;

-- real, as a key: none

-- double precision, read as double
SELECT CAST("v" AS double precision) AS v;

-- double precision, as a key: none

-- boolean, read as bool
SELECT "v" AS v;

-- boolean, as a key
SELECT CAST("v" AS text) AS as_text, CAST(? AS boolean) AS from_text;

-- text, read as string
SELECT "v" AS v;

-- text, as a key
SELECT CAST("v" AS text) AS as_text, CAST(? AS text) AS from_text;

-- character varying(20), read as string
SELECT "v" AS v;

-- character varying(20), as a key
SELECT CAST("v" AS text) AS as_text, CAST(? AS character varying(20)) AS from_text;

-- character(5), read as string
SELECT rpad(CAST("v" AS text), 5) AS v;

-- character(5), as a key
SELECT CAST("v" AS text) AS as_text, CAST(? AS character(5)) AS from_text;

-- uuid, read as string
SELECT "v" AS v;

-- uuid, as a key
SELECT CAST("v" AS text) AS as_text, CAST(? AS uuid) AS from_text;

-- date, read as date32[day]
SELECT "v" AS v, ("v" < '0001-01-01' OR "v" >= '10000-01-01') AS suspect, CAST("v" AS text) AS guarded;

-- date, as a key
SELECT CAST("v" AS text) AS as_text, CAST(? AS date) AS from_text;

-- bytea, read as string
SELECT encode("v", 'hex') AS v;

-- bytea, as a key
SELECT encode("v", 'hex') AS as_text, decode(?, 'hex') AS from_text;

-- timestamp without time zone, read as timestamp[us]
SELECT "v" AS v, ("v" < '0001-01-01' OR "v" >= '10000-01-01') AS suspect, CAST("v" AS text) AS guarded;

-- timestamp without time zone, as a key
SELECT CAST("v" AS text) AS as_text, CAST(? AS timestamp without time zone) AS from_text;

-- timestamp(3) with time zone, read as timestamp[us, tz=UTC]
SELECT "v" AS v, ("v" < '0001-01-01' OR "v" >= '10000-01-01') AS suspect, CAST("v" AS text) AS guarded;

-- timestamp(3) with time zone, as a key
SELECT CAST("v" AS text) AS as_text, CAST(? AS timestamp(3) with time zone) AS from_text;

-- time without time zone, read as string
SELECT CAST("v" AS text) AS v;

-- time without time zone, as a key
SELECT CAST("v" AS text) AS as_text, CAST(? AS time without time zone) AS from_text;

-- interval, read as string
SELECT CAST("v" AS text) AS v;

-- interval, as a key
SELECT CAST("v" AS text) AS as_text, CAST(? AS interval) AS from_text;

-- jsonb, read as string
SELECT CAST("v" AS text) AS v;

-- jsonb, as a key: none

-- mood, read as string
SELECT CAST("v" AS text) AS v;

-- mood, as a key
SELECT CAST("v" AS text) AS as_text, CAST(? AS mood) AS from_text;

-- inet, read as string
SELECT CAST("v" AS text) AS v;

-- inet, as a key
SELECT CAST("v" AS text) AS as_text, CAST(? AS inet) AS from_text;

-- money, read as string
SELECT CAST("v" AS text) AS v;

-- money, as a key: none
