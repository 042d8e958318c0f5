-- of a range, with sums
-- ? = '2025-11-05 10:00:00.000001000 +00:00', '2025-11-05 10:00:00.000001000 +00:00', 'b', 'b', '17', '2025-11-06 00:00:00.000000000 +00:00', '2025-11-06 00:00:00.000000000 +00:00', 'ä', 'ä', '99'
SELECT CAST(COUNT(*) AS varchar2(4000)), CAST(0 AS varchar2(4000)), CAST(SUM("amount") AS varchar2(4000)), CAST(SUM("tax") AS varchar2(4000)) FROM "erp"."orders" t WHERE ("updated_at" >= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AND ("updated_at" > TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') OR ("code" >= ? AND ("code" > ? OR "id" > CAST(? AS number))))) AND ("updated_at" <= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AND ("updated_at" < TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') OR ("code" <= ? AND ("code" < ? OR "id" <= CAST(? AS number))))) AND ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL);

-- of late rows
-- ? = '2025-11-05 10:00:00.000001000 +00:00', '2025-11-05 10:00:00.000001000 +00:00', 'b', 'b', '17'
SELECT CAST(COUNT(*) AS varchar2(4000)), CAST(0 AS varchar2(4000)) FROM "erp"."orders" t WHERE ("updated_at" <= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AND ("updated_at" < TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') OR ("code" <= ? AND ("code" < ? OR "id" <= CAST(? AS number))))) AND ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL);

-- of rows without a cursor
SELECT CAST(COUNT(*) AS varchar2(4000)), CAST(0 AS varchar2(4000)) FROM "erp"."orders" t WHERE (("updated_at" IS NULL OR "code" IS NULL));

-- rows without a cursor
SELECT "id", TO_CHAR("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", "code" FROM "erp"."orders" t WHERE (("updated_at" IS NULL OR "code" IS NULL));

-- is there any above
-- ? = '2025-11-05 10:00:00.000001000 +00:00', '2025-11-05 10:00:00.000001000 +00:00', 'b', 'b', '17'
SELECT 1 FROM "erp"."orders" t WHERE ("updated_at" >= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AND ("updated_at" > TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') OR ("code" >= ? AND ("code" > ? OR "id" > CAST(? AS number))))) AND ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL) ORDER BY t."updated_at", t."code", t."id" FETCH FIRST 1 ROWS ONLY;

-- is there any at all
SELECT 1 FROM "erp"."orders" t WHERE ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL) ORDER BY t."updated_at", t."code", t."id" FETCH FIRST 1 ROWS ONLY;
