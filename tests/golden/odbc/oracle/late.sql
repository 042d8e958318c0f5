-- within the lag
-- ? = '2025-11-05 10:00:00.000001000 +00:00', '2025-11-05 10:00:00.000001000 +00:00', 'b', 'b', '17', '2025-11-05 09:50:00.000000000 +00:00'
SELECT "id", TO_CHAR("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", "code" FROM "erp"."orders" t WHERE ("updated_at" <= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AND ("updated_at" < TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') OR ("code" <= ? AND ("code" < ? OR "id" <= CAST(? AS number))))) AND ("updated_at" >= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM'));

-- of any time
-- ? = '2025-11-05 10:00:00.000001000 +00:00', '2025-11-05 10:00:00.000001000 +00:00', 'b', 'b', '17'
SELECT "id", TO_CHAR("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", "code" FROM "erp"."orders" t WHERE ("updated_at" <= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AND ("updated_at" < TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') OR ("code" <= ? AND ("code" < ? OR "id" <= CAST(? AS number)))));

-- the window begins
-- ? = '2025-11-05 10:00:00.000001000 +00:00'
SELECT TO_CHAR(v AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') FROM (SELECT (TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') - NUMTODSINTERVAL(600.000000, 'SECOND')) AS v FROM dual) t;

-- the window of a number begins
-- ? = '17'
SELECT TO_CHAR(v, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''') FROM (SELECT (CAST(? AS number) - 100) AS v FROM dual) t;

-- since the horizon
-- ? = '8421337', '2025-11-05 10:00:00.000001000 +00:00', '2025-11-05 10:00:00.000001000 +00:00', 'b', 'b', '17', '2025-01-01 00:00:00.000000000 +00:00'
SELECT "id", TO_CHAR("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", "code" FROM "erp"."orders" t WHERE (ORA_ROWSCN >= TO_NUMBER(?)) AND ("updated_at" <= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AND ("updated_at" < TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') OR ("code" <= ? AND ("code" < ? OR "id" <= CAST(? AS number))))) AND ("updated_at" >= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM'));

-- the horizon
SELECT TO_CHAR(DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER), TO_CHAR(DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER) FROM dual;
