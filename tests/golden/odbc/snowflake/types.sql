-- number(38,0), read as decimal128(38, 0)
SELECT "v" AS v;

-- number(38,0), as a key
SELECT CAST("v" AS varchar) AS as_text, CAST(? AS number(38,0)) AS from_text;

-- number(38,10), read as decimal128(38, 10)
SELECT "v" AS v;

-- number(38,10), as a key
SELECT CAST("v" AS varchar) AS as_text, CAST(? AS number(38,10)) AS from_text;

-- float, read as double
SELECT "v" AS v;

-- float, as a key: none

-- boolean, read as bool
SELECT "v" AS v;

-- boolean, as a key
SELECT CAST("v" AS varchar) AS as_text, CAST(? AS boolean) AS from_text;

-- text, read as string
SELECT CAST("v" AS varchar) AS v;

-- text, as a key
SELECT CAST("v" AS varchar) AS as_text, CAST(? AS text) AS from_text;

-- date, read as date32[day]
SELECT "v" AS v;

-- date, as a key
SELECT TO_CHAR("v", 'YYYY-MM-DD') AS as_text, CAST(? AS date) AS from_text;

-- time, read as string
SELECT TO_CHAR("v", 'HH24:MI:SS.FF9') AS v;

-- time, as a key
SELECT TO_CHAR("v", 'HH24:MI:SS.FF9') AS as_text, CAST(? AS time) AS from_text;

-- timestamp_ntz, read as string
SELECT TO_CHAR("v", 'YYYY-MM-DD HH24:MI:SS.FF9') AS v;

-- timestamp_ntz, as a key
SELECT TO_CHAR("v", 'YYYY-MM-DD HH24:MI:SS.FF9') AS as_text, CAST(? AS timestamp_ntz) AS from_text;

-- timestamp_ltz, read as string
SELECT TO_CHAR(CONVERT_TIMEZONE('UTC', "v"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS v;

-- timestamp_ltz, as a key
SELECT TO_CHAR(CONVERT_TIMEZONE('UTC', "v"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS as_text, CAST(? AS timestamp_ltz) AS from_text;

-- timestamp_tz, read as string
SELECT TO_CHAR(CONVERT_TIMEZONE('UTC', "v"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS v;

-- timestamp_tz, as a key
SELECT TO_CHAR(CONVERT_TIMEZONE('UTC', "v"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS as_text, CAST(? AS timestamp_tz) AS from_text;

-- binary, read as string
SELECT TO_CHAR("v", 'HEX') AS v;

-- binary, as a key
SELECT TO_CHAR("v", 'HEX') AS as_text, TO_BINARY(?, 'HEX') AS from_text;

-- variant, read as string
SELECT TO_JSON("v") AS v;

-- variant, as a key: none
