-- within the lag
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', '2025-11-05 10:00:00.000001', 'b', '17', '2025-11-05 09:50:00'
SELECT `id`, `updated_at`, `code` FROM `erp`.`orders` t WHERE (((`updated_at` < CAST(? AS DATETIME(6))) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` < ?) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` = ? AND `id` <= CAST(? AS SIGNED)))) AND (`updated_at` >= CAST(? AS DATETIME(6)));

-- of any time
-- ? = '2025-11-05 10:00:00.000001', '2025-11-05 10:00:00.000001', 'b', '2025-11-05 10:00:00.000001', 'b', '17'
SELECT `id`, `updated_at`, `code` FROM `erp`.`orders` t WHERE (((`updated_at` < CAST(? AS DATETIME(6))) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` < ?) OR (`updated_at` = CAST(? AS DATETIME(6)) AND `code` = ? AND `id` <= CAST(? AS SIGNED))));

-- the window begins
-- ? = '2025-11-05 10:00:00.000001'
SELECT CAST(v AS CHAR) FROM (SELECT DATE_SUB(CAST(? AS DATETIME(6)), INTERVAL 600000000 MICROSECOND) AS v) t;

-- the window of a number begins
-- ? = '17'
SELECT CAST(v AS CHAR) FROM (SELECT (CAST(? AS SIGNED) - 100) AS v) t;

-- the horizon: none
