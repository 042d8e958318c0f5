-- within the lag
-- ? = '2025-11-05 10:00:00.000001', 'b', '17', '2025-11-05 09:50:00'
SELECT CASE typeof("id") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "id") AS REAL) = "id" THEN printf('%!.15g', "id") WHEN CAST(printf('%!.16g', "id") AS REAL) = "id" THEN printf('%!.16g', "id") ELSE printf('%!.17g', "id") END WHEN 'blob' THEN 'x''' || hex("id") || '''' ELSE CAST("id" AS TEXT) END AS "id", CASE typeof("updated_at") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "updated_at") AS REAL) = "updated_at" THEN printf('%!.15g', "updated_at") WHEN CAST(printf('%!.16g', "updated_at") AS REAL) = "updated_at" THEN printf('%!.16g', "updated_at") ELSE printf('%!.17g', "updated_at") END WHEN 'blob' THEN 'x''' || hex("updated_at") || '''' ELSE CAST("updated_at" AS TEXT) END AS "updated_at", CASE typeof("code") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "code") AS REAL) = "code" THEN printf('%!.15g', "code") WHEN CAST(printf('%!.16g', "code") AS REAL) = "code" THEN printf('%!.16g', "code") ELSE printf('%!.17g', "code") END WHEN 'blob' THEN 'x''' || hex("code") || '''' ELSE CAST("code" AS TEXT) END AS "code" FROM "erp"."orders" t WHERE (("updated_at", "code", "id") <= (?, ?, ?)) AND ("updated_at" >= ?);

-- of any time
-- ? = '2025-11-05 10:00:00.000001', 'b', '17'
SELECT CASE typeof("id") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "id") AS REAL) = "id" THEN printf('%!.15g', "id") WHEN CAST(printf('%!.16g', "id") AS REAL) = "id" THEN printf('%!.16g', "id") ELSE printf('%!.17g', "id") END WHEN 'blob' THEN 'x''' || hex("id") || '''' ELSE CAST("id" AS TEXT) END AS "id", CASE typeof("updated_at") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "updated_at") AS REAL) = "updated_at" THEN printf('%!.15g', "updated_at") WHEN CAST(printf('%!.16g', "updated_at") AS REAL) = "updated_at" THEN printf('%!.16g', "updated_at") ELSE printf('%!.17g', "updated_at") END WHEN 'blob' THEN 'x''' || hex("updated_at") || '''' ELSE CAST("updated_at" AS TEXT) END AS "updated_at", CASE typeof("code") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "code") AS REAL) = "code" THEN printf('%!.15g', "code") WHEN CAST(printf('%!.16g', "code") AS REAL) = "code" THEN printf('%!.16g', "code") ELSE printf('%!.17g', "code") END WHEN 'blob' THEN 'x''' || hex("code") || '''' ELSE CAST("code" AS TEXT) END AS "code" FROM "erp"."orders" t WHERE (("updated_at", "code", "id") <= (?, ?, ?));

-- the window begins
-- ? = '2025-11-05 10:00:00.000001'
SELECT CASE typeof(v) WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', v) AS REAL) = v THEN printf('%!.15g', v) WHEN CAST(printf('%!.16g', v) AS REAL) = v THEN printf('%!.16g', v) ELSE printf('%!.17g', v) END WHEN 'blob' THEN 'x''' || hex(v) || '''' ELSE CAST(v AS TEXT) END FROM (SELECT (SELECT CASE WHEN v LIKE '____-__-__%' THEN strftime('%Y-%m-%d %H:%M:%S', substr(v, 1, 19), '-600 seconds') END FROM (SELECT ? AS v)) AS v) t;

-- the window of a number begins
-- ? = '17'
SELECT CASE typeof(v) WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', v) AS REAL) = v THEN printf('%!.15g', v) WHEN CAST(printf('%!.16g', v) AS REAL) = v THEN printf('%!.16g', v) ELSE printf('%!.17g', v) END WHEN 'blob' THEN 'x''' || hex(v) || '''' ELSE CAST(v AS TEXT) END FROM (SELECT (CAST(? AS INTEGER) - 100) AS v) t;

-- the horizon: none
