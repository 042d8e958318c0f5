-- columns
-- ? = 'erp', 'orders'
SELECT column_name, CASE WHEN data_type = 'NUMBER' THEN 'NUMBER(' || numeric_precision || ',' || numeric_scale || ')' ELSE data_type END, is_nullable, CAST(character_maximum_length AS varchar), CAST(numeric_precision AS varchar), CAST(COALESCE(numeric_scale, datetime_precision) AS varchar), collation_name FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position;

-- primary key
SELECT NULL WHERE 1 = 0;

-- indexes
SELECT NULL, NULL WHERE 1 = 0;

-- estimate
-- ? = 'erp', 'orders'
SELECT CAST(row_count AS varchar), '0' FROM information_schema.tables WHERE table_schema = ? AND table_name = ?;

-- columns of a table of the login's own schema
-- ? = 'orders'
SELECT column_name, CASE WHEN data_type = 'NUMBER' THEN 'NUMBER(' || numeric_precision || ',' || numeric_scale || ')' ELSE data_type END, is_nullable, CAST(character_maximum_length AS varchar), CAST(numeric_precision AS varchar), CAST(COALESCE(numeric_scale, datetime_precision) AS varchar), collation_name FROM information_schema.columns WHERE table_schema = CURRENT_SCHEMA() AND table_name = ? ORDER BY ordinal_position;
