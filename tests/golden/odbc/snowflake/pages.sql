-- the first page
SELECT "id", TO_CHAR(CONVERT_TIMEZONE('UTC', "updated_at"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", CAST("code" AS varchar) AS "code" FROM "erp"."orders" t ORDER BY t."updated_at", t."code", t."id" LIMIT 1000;

-- by key alone
-- ? = '17', '99'
SELECT "id", TO_CHAR(CONVERT_TIMEZONE('UTC', "updated_at"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", CAST("code" AS varchar) AS "code" FROM "erp"."orders" t WHERE ("id" > CAST(? AS number(18,0))) AND ("id" <= CAST(? AS number(18,0))) ORDER BY t."id" LIMIT 1000;

-- above one cursor and the key
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', '17'
SELECT "id", TO_CHAR(CONVERT_TIMEZONE('UTC', "updated_at"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", CAST("code" AS varchar) AS "code" FROM "erp"."orders" t WHERE ("updated_at" >= CAST(? AS timestamp_tz) AND ("updated_at" > CAST(? AS timestamp_tz) OR "id" > CAST(? AS number(18,0)))) ORDER BY t."updated_at", t."id" LIMIT 1000;

-- between two bookmarks
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', 'b', '17', '2025-11-06 00:00:00', '2025-11-06 00:00:00', 'ä', 'ä', '99'
SELECT "id", TO_CHAR(CONVERT_TIMEZONE('UTC', "updated_at"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", CAST("code" AS varchar) AS "code" FROM "erp"."orders" t WHERE ("updated_at" >= CAST(? AS timestamp_tz) AND ("updated_at" > CAST(? AS timestamp_tz) OR ("code" >= CAST(? AS varchar(20)) AND ("code" > CAST(? AS varchar(20)) OR "id" > CAST(? AS number(18,0)))))) AND ("updated_at" <= CAST(? AS timestamp_tz) AND ("updated_at" < CAST(? AS timestamp_tz) OR ("code" <= CAST(? AS varchar(20)) AND ("code" < CAST(? AS varchar(20)) OR "id" <= CAST(? AS number(18,0)))))) ORDER BY t."updated_at", t."code", t."id" LIMIT 1000;

-- between prefixes, the first included
-- ? = '2025-11-05 10:00:00.000001', '2025-11-06 00:00:00'
SELECT "id", TO_CHAR(CONVERT_TIMEZONE('UTC', "updated_at"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", CAST("code" AS varchar) AS "code" FROM "erp"."orders" t WHERE ("updated_at" >= CAST(? AS timestamp_tz)) AND ("updated_at" < CAST(? AS timestamp_tz)) ORDER BY t."updated_at", t."code", t."id" LIMIT 1000;

-- of nullable cursors, filtered
-- ? = '2025-11-06 00:00:00', '2025-11-06 00:00:00', 'ä', 'ä', '99'
SELECT "id", TO_CHAR(CONVERT_TIMEZONE('UTC', "updated_at"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", CAST("code" AS varchar) AS "code" FROM "erp"."orders" t WHERE ("updated_at" <= CAST(? AS timestamp_tz) AND ("updated_at" < CAST(? AS timestamp_tz) OR ("code" <= CAST(? AS varchar(20)) AND ("code" < CAST(? AS varchar(20)) OR "id" < CAST(? AS number(18,0)))))) AND ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL) AND (status <> 'draft') ORDER BY t."updated_at", t."code", t."id" LIMIT 1000;

-- a filter stays in its parentheses
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', '2025-11-06 00:00:00', '2025-11-06 00:00:00', 'ä'
SELECT "id", TO_CHAR(CONVERT_TIMEZONE('UTC', "updated_at"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", CAST("code" AS varchar) AS "code" FROM "erp"."orders" t WHERE ("updated_at" >= CAST(? AS timestamp_tz) AND ("updated_at" > CAST(? AS timestamp_tz) OR "code" > CAST(? AS varchar(20)))) AND ("updated_at" <= CAST(? AS timestamp_tz) AND ("updated_at" < CAST(? AS timestamp_tz) OR "code" <= CAST(? AS varchar(20)))) AND (status <> 'draft' OR status IS NULL) ORDER BY t."updated_at", t."code", t."id" LIMIT 1000;

-- of a template
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', '2025-11-06 00:00:00', '2025-11-06 00:00:00', 'ä'
SELECT "id", TO_CHAR(CONVERT_TIMEZONE('UTC', "updated_at"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", CAST("code" AS varchar) AS "code" FROM (SELECT * FROM erp.v_orders) t WHERE ("updated_at" >= CAST(? AS timestamp_tz) AND ("updated_at" > CAST(? AS timestamp_tz) OR "code" > CAST(? AS varchar(20)))) AND ("updated_at" <= CAST(? AS timestamp_tz) AND ("updated_at" < CAST(? AS timestamp_tz) OR "code" <= CAST(? AS varchar(20)))) ORDER BY t."updated_at", t."code", t."id" LIMIT 1000;

-- of a template that places the predicate
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', '2025-11-06 00:00:00', '2025-11-06 00:00:00', 'ä'
SELECT "id", TO_CHAR(CONVERT_TIMEZONE('UTC', "updated_at"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", CAST("code" AS varchar) AS "code" FROM (SELECT o.* FROM erp.orders o WHERE ("updated_at" >= CAST(? AS timestamp_tz) AND ("updated_at" > CAST(? AS timestamp_tz) OR "code" > CAST(? AS varchar(20)))) AND ("updated_at" <= CAST(? AS timestamp_tz) AND ("updated_at" < CAST(? AS timestamp_tz) OR "code" <= CAST(? AS varchar(20))))) t ORDER BY t."updated_at", t."code", t."id" LIMIT 1000;

-- all rows
SELECT "id", TO_CHAR(CONVERT_TIMEZONE('UTC', "updated_at"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", CAST("code" AS varchar) AS "code" FROM "erp"."orders" t ORDER BY t."updated_at", t."code", t."id";

-- of many columns
SELECT "id", TO_CHAR(CONVERT_TIMEZONE('UTC', "updated_at"), 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", CAST("code" AS varchar) AS "code", CAST("net" AS varchar) AS "net", "paid", "due", TO_CHAR("at", 'YYYY-MM-DD HH24:MI:SS.FF9') AS "at" FROM "erp"."orders" t ORDER BY t."updated_at", t."code", t."id" LIMIT 1000;
