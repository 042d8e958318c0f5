-- of a row
-- ? = '17'
SELECT CAST(`updated_at` AS CHAR), CAST(`code` AS CHAR), CAST(`id` AS CHAR) FROM `erp`.`orders` t WHERE (`id` = CAST(? AS SIGNED));

-- hit
-- ? = '2025-11-05 10:00:00.000001', 'b', '17'
SELECT CAST(COUNT(*) AS char) FROM `erp`.`orders` t WHERE (`updated_at` = CAST(? AS DATETIME(6)) AND `code` = ? AND `id` = CAST(? AS SIGNED));

-- moved up
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', '2025-11-05 10:00:00.000001', 'b', '17', '17'
SELECT CAST(COUNT(*) AS char), CAST(SUM(CASE WHEN ((`updated_at` > CAST(? AS DATETIME(6))) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` > ?) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` = ? AND `id` > CAST(? AS SIGNED))) THEN 1 ELSE 0 END) AS char) FROM `erp`.`orders` t WHERE (`id` = CAST(? AS SIGNED));

-- echo
-- ? = '2025-11-05 10:00:00.000001', 'b', '17'
SELECT CAST(v0 AS CHAR), CAST(v1 AS CHAR), CAST(v2 AS CHAR) FROM (SELECT CAST(? AS DATETIME(6)) AS v0, ? AS v1, CAST(? AS SIGNED) AS v2) t;

-- of a template that places the predicate
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', '2025-11-05 10:00:00.000001', 'b', '17', '17'
SELECT CAST(COUNT(*) AS char), CAST(SUM(CASE WHEN ((`updated_at` > CAST(? AS DATETIME(6))) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` > ?) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` = ? AND `id` > CAST(? AS SIGNED))) THEN 1 ELSE 0 END) AS char) FROM (SELECT o.* FROM erp.orders o WHERE (`id` = CAST(? AS SIGNED))) t;
