-- of a row
-- ? = '17'
SELECT TO_CHAR("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM'), "code", TO_CHAR("id", 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''') FROM "erp"."orders" t WHERE ("id" = CAST(? AS number));

-- hit
-- ? = '2025-11-05 10:00:00.000001000 +00:00', 'b', '17'
SELECT CAST(COUNT(*) AS varchar2(4000)) FROM "erp"."orders" t WHERE ("updated_at" = TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AND "code" = ? AND "id" = CAST(? AS number));

-- moved up
-- ? = '2025-11-05 10:00:00.000001000 +00:00', '2025-11-05 10:00:00.000001000 +00:00', 'b', 'b', '17', '17'
SELECT CAST(COUNT(*) AS varchar2(4000)), CAST(SUM(CASE WHEN "updated_at" >= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AND ("updated_at" > TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') OR ("code" >= ? AND ("code" > ? OR "id" > CAST(? AS number)))) THEN 1 ELSE 0 END) AS varchar2(4000)) FROM "erp"."orders" t WHERE ("id" = CAST(? AS number));

-- echo
-- ? = '2025-11-05 10:00:00.000001000 +00:00', 'b', '17'
SELECT TO_CHAR(v0 AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM'), v1, TO_CHAR(v2, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''') FROM (SELECT TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS v0, ? AS v1, CAST(? AS number) AS v2 FROM dual) t;

-- of a template that places the predicate
-- ? = '2025-11-05 10:00:00.000001000 +00:00', '2025-11-05 10:00:00.000001000 +00:00', 'b', 'b', '17', '17'
SELECT CAST(COUNT(*) AS varchar2(4000)), CAST(SUM(CASE WHEN "updated_at" >= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AND ("updated_at" > TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') OR ("code" >= ? AND ("code" > ? OR "id" > CAST(? AS number)))) THEN 1 ELSE 0 END) AS varchar2(4000)) FROM (SELECT o.* FROM erp.orders o WHERE ("id" = CAST(? AS number))) t;
