-- columns
-- ? = '"erp"."orders"'
SELECT c.name, CASE WHEN t.name IN ('decimal', 'numeric') THEN CONCAT(t.name, '(', c.precision, ',', c.scale, ')') WHEN t.name IN ('datetime2', 'datetimeoffset', 'time') THEN CONCAT(t.name, '(', c.scale, ')') WHEN t.name IN ('nchar', 'nvarchar') AND c.max_length > 0 THEN CONCAT(t.name, '(', c.max_length / 2, ')') WHEN t.name IN ('char', 'varchar', 'binary', 'varbinary') AND c.max_length > 0 THEN CONCAT(t.name, '(', c.max_length, ')') WHEN c.max_length = -1 THEN CONCAT(t.name, '(max)') ELSE t.name END, CASE WHEN c.is_nullable = 1 THEN 'YES' ELSE 'NO' END, CAST(NULLIF(c.max_length, -1) AS varchar(20)), CAST(c.precision AS varchar(20)), CAST(c.scale AS varchar(20)), c.collation_name FROM sys.columns c JOIN sys.types t ON t.user_type_id = c.system_type_id WHERE c.object_id = OBJECT_ID(?) ORDER BY c.column_id;

-- primary key
-- ? = '"erp"."orders"'
SELECT c.name FROM sys.indexes i JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id WHERE i.object_id = OBJECT_ID(?) AND i.is_primary_key = 1 ORDER BY k.key_ordinal;

-- indexes
-- ? = '"erp"."orders"'
SELECT i.name, c.name FROM sys.indexes i JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id WHERE i.object_id = OBJECT_ID(?) AND i.type IN (1, 2) AND i.has_filter = 0 AND k.is_included_column = 0 ORDER BY i.name, k.key_ordinal;

-- estimate
-- ? = '"erp"."orders"', '"erp"."orders"'
SELECT CAST(SUM(p.rows) AS varchar(20)), CASE WHEN EXISTS (SELECT 1 FROM sys.columns c WHERE c.object_id = OBJECT_ID(?) AND c.system_type_id = 189) THEN '1' ELSE '0' END FROM sys.partitions p WHERE p.object_id = OBJECT_ID(?) AND p.index_id IN (0, 1);

-- columns of a table of the login's own schema
-- ? = '"orders"'
SELECT c.name, CASE WHEN t.name IN ('decimal', 'numeric') THEN CONCAT(t.name, '(', c.precision, ',', c.scale, ')') WHEN t.name IN ('datetime2', 'datetimeoffset', 'time') THEN CONCAT(t.name, '(', c.scale, ')') WHEN t.name IN ('nchar', 'nvarchar') AND c.max_length > 0 THEN CONCAT(t.name, '(', c.max_length / 2, ')') WHEN t.name IN ('char', 'varchar', 'binary', 'varbinary') AND c.max_length > 0 THEN CONCAT(t.name, '(', c.max_length, ')') WHEN c.max_length = -1 THEN CONCAT(t.name, '(max)') ELSE t.name END, CASE WHEN c.is_nullable = 1 THEN 'YES' ELSE 'NO' END, CAST(NULLIF(c.max_length, -1) AS varchar(20)), CAST(c.precision AS varchar(20)), CAST(c.scale AS varchar(20)), c.collation_name FROM sys.columns c JOIN sys.types t ON t.user_type_id = c.system_type_id WHERE c.object_id = OBJECT_ID(?) ORDER BY c.column_id;
