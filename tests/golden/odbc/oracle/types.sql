-- number, read as string
SELECT TO_CHAR("v", 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''') AS v;

-- number, as a key
SELECT TO_CHAR("v", 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''') AS as_text, CAST(? AS number) AS from_text;

-- number(18,0), read as decimal128(18, 0)
SELECT "v" AS v;

-- number(18,0), as a key
SELECT TO_CHAR("v", 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''') AS as_text, CAST(? AS number) AS from_text;

-- number(38,10), read as decimal128(38, 10)
SELECT "v" AS v;

-- number(38,10), as a key
SELECT TO_CHAR("v", 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''') AS as_text, CAST(? AS number) AS from_text;

-- number(5,-2), read as string
SELECT TO_CHAR("v", 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''') AS v;

-- number(5,-2), as a key
SELECT TO_CHAR("v", 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''') AS as_text, CAST(? AS number) AS from_text;

-- binary_double, read as double
SELECT "v" AS v;

-- binary_double, as a key: none

-- varchar2(20), read as string
SELECT "v" AS v;

-- varchar2(20), as a key
SELECT "v" AS as_text, ? AS from_text;

-- char(5), read as string
SELECT "v" AS v;

-- char(5), as a key
SELECT "v" AS as_text, ? AS from_text;

-- date, read as string
SELECT TO_CHAR("v", 'YYYY-MM-DD HH24:MI:SS') AS v;

-- date, as a key
SELECT TO_CHAR("v", 'YYYY-MM-DD HH24:MI:SS') AS as_text, TO_DATE(?, 'YYYY-MM-DD HH24:MI:SS') AS from_text;

-- timestamp(6), read as string
SELECT TO_CHAR("v", 'YYYY-MM-DD HH24:MI:SS.FF9') AS v;

-- timestamp(6), as a key
SELECT TO_CHAR("v", 'YYYY-MM-DD HH24:MI:SS.FF9') AS as_text, TO_TIMESTAMP(?, 'YYYY-MM-DD HH24:MI:SS.FF9') AS from_text;

-- timestamp(9) with time zone, read as string
SELECT TO_CHAR("v" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS v;

-- timestamp(9) with time zone, as a key
SELECT TO_CHAR("v" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS as_text, TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS from_text;

-- timestamp(6) with local time zone, read as string
SELECT TO_CHAR("v" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS v;

-- timestamp(6) with local time zone, as a key
SELECT TO_CHAR("v" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS as_text, TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS from_text;

-- raw, read as string
SELECT RAWTOHEX("v") AS v;

-- raw, as a key
SELECT RAWTOHEX("v") AS as_text, HEXTORAW(?) AS from_text;

-- clob, read as string
SELECT "v" AS v;

-- clob, as a key: none
