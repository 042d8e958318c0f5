-- tinyint, read as int64
SELECT "v" AS v;

-- tinyint, as a key
SELECT CAST("v" AS nvarchar(4000)) AS as_text, CAST(? AS tinyint) AS from_text;

-- int, read as int64
SELECT "v" AS v;

-- int, as a key
SELECT CAST("v" AS nvarchar(4000)) AS as_text, CAST(? AS int) AS from_text;

-- bigint, read as int64
SELECT "v" AS v;

-- bigint, as a key
SELECT CAST("v" AS nvarchar(4000)) AS as_text, CAST(? AS bigint) AS from_text;

-- decimal(38,10), read as decimal128(38, 10)
SELECT "v" AS v;

-- decimal(38,10), as a key
SELECT CAST("v" AS nvarchar(4000)) AS as_text, CAST(? AS decimal(38,10)) AS from_text;

-- money, read as decimal128(19, 4)
SELECT CAST("v" AS decimal(19,4)) AS v;

-- money, as a key: none

-- float, read as double
SELECT CAST("v" AS float) AS v;

-- float, as a key: none

-- real, read as double
SELECT CAST("v" AS float) AS v;

-- real, as a key: none

-- bit, read as bool
SELECT "v" AS v;

-- bit, as a key
SELECT CAST("v" AS nvarchar(4000)) AS as_text, CAST(? AS bit) AS from_text;

-- varchar(20), read as string
SELECT "v" AS v;

-- varchar(20), as a key
SELECT "v" AS as_text, CAST(? AS varchar(20)) AS from_text;

-- nvarchar(20), read as string
SELECT "v" AS v;

-- nvarchar(20), as a key
SELECT "v" AS as_text, CAST(? AS nvarchar(20)) AS from_text;

-- char(5), read as string
SELECT "v" AS v;

-- char(5), as a key
SELECT "v" AS as_text, CAST(? AS char(5)) AS from_text;

-- nvarchar(max), read as string
SELECT CAST("v" AS nvarchar(max)) AS v;

-- nvarchar(max), as a key
SELECT "v" AS as_text, CAST(? AS nvarchar(max)) AS from_text;

-- uniqueidentifier, read as string
SELECT LOWER(CONVERT(char(36), "v")) AS v;

-- uniqueidentifier, as a key
SELECT CAST("v" AS nvarchar(4000)) AS as_text, CAST(? AS uniqueidentifier) AS from_text;

-- date, read as date32[day]
SELECT "v" AS v;

-- date, as a key
SELECT CONVERT(varchar(40), "v", 126) AS as_text, CAST(? AS date) AS from_text;

-- datetime, read as string
SELECT CONVERT(varchar(40), "v", 126) AS v;

-- datetime, as a key
SELECT CONVERT(varchar(40), "v", 126) AS as_text, CAST(CAST(? AS datetime2(3)) AS datetime) AS from_text;

-- smalldatetime, read as string
SELECT CONVERT(varchar(40), "v", 126) AS v;

-- smalldatetime, as a key
SELECT CONVERT(varchar(40), "v", 126) AS as_text, CAST(? AS smalldatetime) AS from_text;

-- datetime2(7), read as string
SELECT CONVERT(varchar(40), "v", 126) AS v;

-- datetime2(7), as a key
SELECT CONVERT(varchar(40), "v", 126) AS as_text, CAST(? AS datetime2(7)) AS from_text;

-- datetimeoffset(7), read as string
SELECT CONVERT(varchar(40), SWITCHOFFSET("v", 0), 127) AS v;

-- datetimeoffset(7), as a key
SELECT CONVERT(varchar(40), SWITCHOFFSET("v", 0), 127) AS as_text, CAST(? AS datetimeoffset(7)) AS from_text;

-- time(7), read as string
SELECT CONVERT(varchar(40), "v", 126) AS v;

-- time(7), as a key
SELECT CONVERT(varchar(40), "v", 126) AS as_text, CAST(? AS time(7)) AS from_text;

-- varbinary(16), read as string
SELECT CONVERT(varchar(8000), CAST("v" AS varbinary(8000)), 2) AS v;

-- varbinary(16), as a key
SELECT CONVERT(varchar(8000), CAST("v" AS varbinary(8000)), 2) AS as_text, CONVERT(varbinary(8000), ?, 2) AS from_text;

-- timestamp, read as string
SELECT CONVERT(varchar(8000), CAST("v" AS varbinary(8000)), 2) AS v;

-- timestamp, as a key
SELECT CONVERT(varchar(8000), CAST("v" AS varbinary(8000)), 2) AS as_text, CONVERT(binary(8), ?, 2) AS from_text;

-- xml, read as string
SELECT CAST("v" AS nvarchar(max)) AS v;

-- xml, as a key: none
