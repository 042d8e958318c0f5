-- the first page
SELECT TOP (1000) "id", CONVERT(varchar(40), "updated_at", 126) AS "updated_at", "code" FROM "erp"."orders" t ORDER BY t."updated_at", t."code", t."id";

-- by key alone
-- ? = '17', '99'
SELECT TOP (1000) "id", CONVERT(varchar(40), "updated_at", 126) AS "updated_at", "code" FROM "erp"."orders" t WHERE ("id" > CAST(? AS bigint)) AND ("id" <= CAST(? AS bigint)) ORDER BY t."id";

-- above one cursor and the key
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', '17'
SELECT TOP (1000) "id", CONVERT(varchar(40), "updated_at", 126) AS "updated_at", "code" FROM "erp"."orders" t WHERE ("updated_at" >= CAST(? AS datetime2(7)) AND ("updated_at" > CAST(? AS datetime2(7)) OR "id" > CAST(? AS bigint))) ORDER BY t."updated_at", t."id";

-- between two bookmarks
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', 'b', '17', '2025-11-06 00:00:00', '2025-11-06 00:00:00', 'ä', 'ä', '99'
SELECT TOP (1000) "id", CONVERT(varchar(40), "updated_at", 126) AS "updated_at", "code" FROM "erp"."orders" t WHERE ("updated_at" >= CAST(? AS datetime2(7)) AND ("updated_at" > CAST(? AS datetime2(7)) OR ("code" >= CAST(? AS varchar(20)) AND ("code" > CAST(? AS varchar(20)) OR "id" > CAST(? AS bigint))))) AND ("updated_at" <= CAST(? AS datetime2(7)) AND ("updated_at" < CAST(? AS datetime2(7)) OR ("code" <= CAST(? AS varchar(20)) AND ("code" < CAST(? AS varchar(20)) OR "id" <= CAST(? AS bigint))))) ORDER BY t."updated_at", t."code", t."id";

-- between prefixes, the first included
-- ? = '2025-11-05 10:00:00.000001', '2025-11-06 00:00:00'
SELECT TOP (1000) "id", CONVERT(varchar(40), "updated_at", 126) AS "updated_at", "code" FROM "erp"."orders" t WHERE ("updated_at" >= CAST(? AS datetime2(7))) AND ("updated_at" < CAST(? AS datetime2(7))) ORDER BY t."updated_at", t."code", t."id";

-- of nullable cursors, filtered
-- ? = '2025-11-06 00:00:00', '2025-11-06 00:00:00', 'ä', 'ä', '99'
SELECT TOP (1000) "id", CONVERT(varchar(40), "updated_at", 126) AS "updated_at", "code" FROM "erp"."orders" t WHERE ("updated_at" <= CAST(? AS datetime2(7)) AND ("updated_at" < CAST(? AS datetime2(7)) OR ("code" <= CAST(? AS varchar(20)) AND ("code" < CAST(? AS varchar(20)) OR "id" < CAST(? AS bigint))))) AND ("updated_at" IS NOT NULL) AND ("code" IS NOT NULL) AND (status <> 'draft') ORDER BY t."updated_at", t."code", t."id";

-- a filter stays in its parentheses
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', '2025-11-06 00:00:00', '2025-11-06 00:00:00', 'ä'
SELECT TOP (1000) "id", CONVERT(varchar(40), "updated_at", 126) AS "updated_at", "code" FROM "erp"."orders" t WHERE ("updated_at" >= CAST(? AS datetime2(7)) AND ("updated_at" > CAST(? AS datetime2(7)) OR "code" > CAST(? AS varchar(20)))) AND ("updated_at" <= CAST(? AS datetime2(7)) AND ("updated_at" < CAST(? AS datetime2(7)) OR "code" <= CAST(? AS varchar(20)))) AND (status <> 'draft' OR status IS NULL) ORDER BY t."updated_at", t."code", t."id";

-- of a template
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', '2025-11-06 00:00:00', '2025-11-06 00:00:00', 'ä'
SELECT TOP (1000) "id", CONVERT(varchar(40), "updated_at", 126) AS "updated_at", "code" FROM (SELECT * FROM erp.v_orders) t WHERE ("updated_at" >= CAST(? AS datetime2(7)) AND ("updated_at" > CAST(? AS datetime2(7)) OR "code" > CAST(? AS varchar(20)))) AND ("updated_at" <= CAST(? AS datetime2(7)) AND ("updated_at" < CAST(? AS datetime2(7)) OR "code" <= CAST(? AS varchar(20)))) ORDER BY t."updated_at", t."code", t."id";

-- of a template that places the predicate
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', '2025-11-06 00:00:00', '2025-11-06 00:00:00', 'ä'
SELECT TOP (1000) "id", CONVERT(varchar(40), "updated_at", 126) AS "updated_at", "code" FROM (SELECT o.* FROM erp.orders o WHERE ("updated_at" >= CAST(? AS datetime2(7)) AND ("updated_at" > CAST(? AS datetime2(7)) OR "code" > CAST(? AS varchar(20)))) AND ("updated_at" <= CAST(? AS datetime2(7)) AND ("updated_at" < CAST(? AS datetime2(7)) OR "code" <= CAST(? AS varchar(20))))) t ORDER BY t."updated_at", t."code", t."id";

-- all rows
SELECT "id", CONVERT(varchar(40), "updated_at", 126) AS "updated_at", "code" FROM "erp"."orders" t ORDER BY t."updated_at", t."code", t."id";

-- of many columns
SELECT TOP (1000) "id", CONVERT(varchar(40), "updated_at", 126) AS "updated_at", "code", "net", CAST("paid" AS nvarchar(max)) AS "paid", "due", CONVERT(varchar(8000), CAST("at" AS varbinary(8000)), 2) AS "at" FROM "erp"."orders" t ORDER BY t."updated_at", t."code", t."id";
