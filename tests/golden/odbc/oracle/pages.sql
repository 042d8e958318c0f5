-- the first page
SELECT "id", TO_CHAR("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", "code" FROM "erp"."orders" t ORDER BY t."updated_at", t."code", t."id" FETCH FIRST 1000 ROWS ONLY;

-- by key alone
-- ? = '17', '99'
SELECT "id", TO_CHAR("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", "code" FROM "erp"."orders" t WHERE ("id" > CAST(? AS number)) AND ("id" <= CAST(? AS number)) ORDER BY t."id" FETCH FIRST 1000 ROWS ONLY;

-- above one cursor and the key
-- ? = '2025-11-05 10:00:00.000001000 +00:00', '2025-11-05 10:00:00.000001000 +00:00', '17'
SELECT "id", TO_CHAR("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", "code" FROM "erp"."orders" t WHERE ("updated_at" >= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AND ("updated_at" > TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') OR "id" > CAST(? AS number))) ORDER BY t."updated_at", t."id" FETCH FIRST 1000 ROWS ONLY;

-- between two bookmarks
-- ? = '2025-11-05 10:00:00.000001000 +00:00', '2025-11-05 10:00:00.000001000 +00:00', 'b', 'b', '17', '2025-11-06 00:00:00.000000000 +00:00', '2025-11-06 00:00:00.000000000 +00:00', 'ä', 'ä', '99'
SELECT "id", TO_CHAR("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", "code" FROM "erp"."orders" t WHERE ("updated_at" >= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AND ("updated_at" > TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') OR ("code" >= ? AND ("code" > ? OR "id" > CAST(? AS number))))) AND ("updated_at" <= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AND ("updated_at" < TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') OR ("code" <= ? AND ("code" < ? OR "id" <= CAST(? AS number))))) ORDER BY t."updated_at", t."code", t."id" FETCH FIRST 1000 ROWS ONLY;

-- between prefixes, the first included
-- ? = '2025-11-05 10:00:00.000001000 +00:00', '2025-11-06 00:00:00.000000000 +00:00'
SELECT "id", TO_CHAR("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", "code" FROM "erp"."orders" t WHERE ("updated_at" >= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM')) AND ("updated_at" < TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM')) ORDER BY t."updated_at", t."code", t."id" FETCH FIRST 1000 ROWS ONLY;

-- of nullable cursors, filtered
-- ? = '2025-11-06 00:00:00.000000000 +00:00', '2025-11-06 00:00:00.000000000 +00:00', 'ä', 'ä', '99'
SELECT "id", TO_CHAR("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", "code" FROM "erp"."orders" t WHERE ("updated_at" <= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AND ("updated_at" < TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') OR ("code" <= ? AND ("code" < ? OR "id" < CAST(? AS number))))) AND ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL) AND (status <> 'draft') ORDER BY t."updated_at", t."code", t."id" FETCH FIRST 1000 ROWS ONLY;

-- a filter stays in its parentheses
-- ? = '2025-11-05 10:00:00.000001000 +00:00', '2025-11-05 10:00:00.000001000 +00:00', 'b', '2025-11-06 00:00:00.000000000 +00:00', '2025-11-06 00:00:00.000000000 +00:00', 'ä'
SELECT "id", TO_CHAR("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", "code" FROM "erp"."orders" t WHERE ("updated_at" >= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AND ("updated_at" > TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') OR "code" > ?)) AND ("updated_at" <= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AND ("updated_at" < TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') OR "code" <= ?)) AND (status <> 'draft' OR status IS NULL) ORDER BY t."updated_at", t."code", t."id" FETCH FIRST 1000 ROWS ONLY;

-- of a template
-- ? = '2025-11-05 10:00:00.000001000 +00:00', '2025-11-05 10:00:00.000001000 +00:00', 'b', '2025-11-06 00:00:00.000000000 +00:00', '2025-11-06 00:00:00.000000000 +00:00', 'ä'
SELECT "id", TO_CHAR("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", "code" FROM (SELECT * FROM erp.v_orders) t WHERE ("updated_at" >= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AND ("updated_at" > TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') OR "code" > ?)) AND ("updated_at" <= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AND ("updated_at" < TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') OR "code" <= ?)) ORDER BY t."updated_at", t."code", t."id" FETCH FIRST 1000 ROWS ONLY;

-- of a template that places the predicate
-- ? = '2025-11-05 10:00:00.000001000 +00:00', '2025-11-05 10:00:00.000001000 +00:00', 'b', '2025-11-06 00:00:00.000000000 +00:00', '2025-11-06 00:00:00.000000000 +00:00', 'ä'
SELECT "id", TO_CHAR("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", "code" FROM (SELECT o.* FROM erp.orders o WHERE ("updated_at" >= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AND ("updated_at" > TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') OR "code" > ?)) AND ("updated_at" <= TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AND ("updated_at" < TO_TIMESTAMP_TZ(?, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') OR "code" <= ?))) t ORDER BY t."updated_at", t."code", t."id" FETCH FIRST 1000 ROWS ONLY;

-- all rows
SELECT "id", TO_CHAR("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", "code" FROM "erp"."orders" t ORDER BY t."updated_at", t."code", t."id";

-- of many columns
SELECT "id", TO_CHAR("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "updated_at", "code", "net", "paid", TO_CHAR("due", 'YYYY-MM-DD HH24:MI:SS') AS "due", TO_CHAR("at" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM') AS "at" FROM "erp"."orders" t ORDER BY t."updated_at", t."code", t."id" FETCH FIRST 1000 ROWS ONLY;
