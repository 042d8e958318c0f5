-- within the lag
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', 'b', '17', '2025-11-05 09:50:00'
SELECT "id", TO_CHAR(CONVERT_TIMEZONE('UTC', "updated_at"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", CAST("code" AS varchar) AS "code" FROM "erp"."orders" t WHERE ("updated_at" <= CAST(? AS timestamp_tz) AND ("updated_at" < CAST(? AS timestamp_tz) OR ("code" <= CAST(? AS varchar(20)) AND ("code" < CAST(? AS varchar(20)) OR "id" <= CAST(? AS number(18,0)))))) AND ("updated_at" >= CAST(? AS timestamp_tz));

-- of any time
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', 'b', '17'
SELECT "id", TO_CHAR(CONVERT_TIMEZONE('UTC', "updated_at"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", CAST("code" AS varchar) AS "code" FROM "erp"."orders" t WHERE ("updated_at" <= CAST(? AS timestamp_tz) AND ("updated_at" < CAST(? AS timestamp_tz) OR ("code" <= CAST(? AS varchar(20)) AND ("code" < CAST(? AS varchar(20)) OR "id" <= CAST(? AS number(18,0))))));

-- the window begins
-- ? = '2025-11-05 10:00:00.000001'
SELECT TO_CHAR(CONVERT_TIMEZONE('UTC', v), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') FROM (SELECT DATEADD(microsecond, -600000000, CAST(? AS timestamp_tz)) AS v) t;

-- the window of a number begins
-- ? = '17'
SELECT CAST(v AS varchar) FROM (SELECT (CAST(? AS number(18,0)) - 100) AS v) t;

-- the horizon: none
