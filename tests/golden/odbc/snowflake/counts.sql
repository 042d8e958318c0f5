-- of a range, with sums
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', 'b', '17', '2025-11-06 00:00:00', '2025-11-06 00:00:00', 'ä', 'ä', '99'
SELECT CAST(COUNT(*) AS varchar), CAST(0 AS varchar), CAST(SUM("amount") AS varchar), CAST(SUM("tax") AS varchar) FROM "erp"."orders" t WHERE ("updated_at" >= CAST(? AS timestamp_tz) AND ("updated_at" > CAST(? AS timestamp_tz) OR ("code" >= CAST(? AS varchar(20)) AND ("code" > CAST(? AS varchar(20)) OR "id" > CAST(? AS number(18,0)))))) AND ("updated_at" <= CAST(? AS timestamp_tz) AND ("updated_at" < CAST(? AS timestamp_tz) OR ("code" <= CAST(? AS varchar(20)) AND ("code" < CAST(? AS varchar(20)) OR "id" <= CAST(? AS number(18,0)))))) AND ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL);

-- of late rows
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', 'b', '17'
SELECT CAST(COUNT(*) AS varchar), CAST(0 AS varchar) FROM "erp"."orders" t WHERE ("updated_at" <= CAST(? AS timestamp_tz) AND ("updated_at" < CAST(? AS timestamp_tz) OR ("code" <= CAST(? AS varchar(20)) AND ("code" < CAST(? AS varchar(20)) OR "id" <= CAST(? AS number(18,0)))))) AND ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL);

-- of rows without a cursor
SELECT CAST(COUNT(*) AS varchar), CAST(0 AS varchar) FROM "erp"."orders" t WHERE (("updated_at" IS NULL OR "code" IS NULL));

-- rows without a cursor
SELECT "id", TO_CHAR(CONVERT_TIMEZONE('UTC', "updated_at"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", CAST("code" AS varchar) AS "code" FROM "erp"."orders" t WHERE (("updated_at" IS NULL OR "code" IS NULL));

-- is there any above
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', 'b', '17'
SELECT 1 FROM "erp"."orders" t WHERE ("updated_at" >= CAST(? AS timestamp_tz) AND ("updated_at" > CAST(? AS timestamp_tz) OR ("code" >= CAST(? AS varchar(20)) AND ("code" > CAST(? AS varchar(20)) OR "id" > CAST(? AS number(18,0)))))) AND ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL) ORDER BY t."updated_at", t."code", t."id" LIMIT 1;

-- is there any at all
SELECT 1 FROM "erp"."orders" t WHERE ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL) ORDER BY t."updated_at", t."code", t."id" LIMIT 1;
