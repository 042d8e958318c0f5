-- within the lag
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', 'b', '17', '2025-11-05 09:50:00'
SELECT "id", CONVERT(varchar(40), "updated_at", 126) AS "updated_at", "code" FROM "erp"."orders" t WHERE ("updated_at" <= CAST(? AS datetime2(7)) AND ("updated_at" < CAST(? AS datetime2(7)) OR ("code" <= CAST(? AS varchar(20)) AND ("code" < CAST(? AS varchar(20)) OR "id" <= CAST(? AS bigint))))) AND ("updated_at" >= CAST(? AS datetime2(7)));

-- of any time
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', 'b', '17'
SELECT "id", CONVERT(varchar(40), "updated_at", 126) AS "updated_at", "code" FROM "erp"."orders" t WHERE ("updated_at" <= CAST(? AS datetime2(7)) AND ("updated_at" < CAST(? AS datetime2(7)) OR ("code" <= CAST(? AS varchar(20)) AND ("code" < CAST(? AS varchar(20)) OR "id" <= CAST(? AS bigint)))));

-- the window begins
-- ? = '2025-11-05 10:00:00.000001'
SELECT CONVERT(varchar(40), v, 126) FROM (SELECT DATEADD(millisecond, -0, DATEADD(second, -600, CAST(? AS datetime2(7)))) AS v) t;

-- the window of a number begins
-- ? = '17'
SELECT CAST(v AS nvarchar(4000)) FROM (SELECT (CAST(? AS bigint) - 100) AS v) t;

-- the horizon
SELECT CONVERT(varchar(16), min_active_rowversion(), 2), CONVERT(varchar(16), @@DBTS, 2);
