-- tinyint(1), read as int64
SELECT `v` AS v;

-- tinyint(1), as a key
SELECT CAST(`v` AS CHAR) AS as_text, CAST(? AS SIGNED) AS from_text;

-- int(11), read as int64
SELECT `v` AS v;

-- int(11), as a key
SELECT CAST(`v` AS CHAR) AS as_text, CAST(? AS SIGNED) AS from_text;

-- bigint(20), read as int64
SELECT `v` AS v;

-- bigint(20), as a key
SELECT CAST(`v` AS CHAR) AS as_text, CAST(? AS SIGNED) AS from_text;

-- bigint(20) unsigned, read as decimal128(20, 0)
SELECT CAST(`v` AS DECIMAL(20,0)) AS v;

-- bigint(20) unsigned, as a key
SELECT CAST(`v` AS CHAR) AS as_text, CAST(? AS UNSIGNED) AS from_text;

-- decimal(38,10), read as decimal128(38, 10)
SELECT `v` AS v;

-- decimal(38,10), as a key
SELECT CAST(`v` AS CHAR) AS as_text, CAST(? AS decimal(38,10)) AS from_text;

-- decimal(65,30), read as string
SELECT CAST(`v` AS CHAR) AS v;

-- decimal(65,30), as a key
SELECT CAST(`v` AS CHAR) AS as_text, CAST(? AS decimal(65,30)) AS from_text;

-- float, read as double
SELECT `v` AS v;

-- float, as a key: none

-- double, read as double
SELECT `v` AS v;

-- double, as a key: none

-- bit(1), read as int64
SELECT CAST(`v` AS UNSIGNED) AS v;

-- bit(1), as a key: none

-- year(4), read as int64
SELECT CAST(`v` AS SIGNED) AS v;

-- year(4), as a key
SELECT CAST(`v` AS CHAR) AS as_text, CAST(? AS SIGNED) AS from_text;

-- varchar(20), read as string
SELECT `v` AS v;

-- varchar(20), as a key
SELECT CAST(`v` AS CHAR) AS as_text, ? AS from_text;

-- char(5), read as string
SELECT `v` AS v;

-- char(5), as a key
SELECT CAST(`v` AS CHAR) AS as_text, ? AS from_text;

-- longtext, read as string
SELECT `v` AS v;

-- longtext, as a key
SELECT CAST(`v` AS CHAR) AS as_text, ? AS from_text;

-- uuid, read as string
SELECT CAST(`v` AS CHAR) AS v;

-- uuid, as a key
SELECT CAST(`v` AS CHAR) AS as_text, ? AS from_text;

-- date, read as date32[day]
SELECT `v` AS v, (`v` = 0 OR MONTH(`v`) = 0 OR DAYOFMONTH(`v`) = 0 OR YEAR(`v`) = 0) AS suspect, CAST(`v` AS CHAR) AS guarded;

-- date, as a key
SELECT CAST(`v` AS CHAR) AS as_text, CAST(? AS date) AS from_text;

-- datetime, read as timestamp[us]
SELECT `v` AS v, (`v` = 0 OR MONTH(`v`) = 0 OR DAYOFMONTH(`v`) = 0 OR YEAR(`v`) = 0) AS suspect, CAST(`v` AS CHAR) AS guarded;

-- datetime, as a key
SELECT CAST(`v` AS CHAR) AS as_text, CAST(? AS DATETIME(6)) AS from_text;

-- datetime(6), read as timestamp[us]
SELECT `v` AS v, (`v` = 0 OR MONTH(`v`) = 0 OR DAYOFMONTH(`v`) = 0 OR YEAR(`v`) = 0) AS suspect, CAST(`v` AS CHAR) AS guarded;

-- datetime(6), as a key
SELECT CAST(`v` AS CHAR) AS as_text, CAST(? AS DATETIME(6)) AS from_text;

-- timestamp(6), read as timestamp[us, tz=UTC]
SELECT `v` AS v, (`v` = 0 OR MONTH(`v`) = 0 OR DAYOFMONTH(`v`) = 0 OR YEAR(`v`) = 0) AS suspect, CAST(`v` AS CHAR) AS guarded;

-- timestamp(6), as a key
SELECT CAST(`v` AS CHAR) AS as_text, CAST(? AS DATETIME(6)) AS from_text;

-- time(6), read as string
SELECT CAST(`v` AS CHAR) AS v;

-- time(6), as a key
SELECT CAST(`v` AS CHAR) AS as_text, CAST(? AS time(6)) AS from_text;

-- binary(16), read as string
SELECT LOWER(HEX(`v`)) AS v;

-- binary(16), as a key
SELECT HEX(`v`) AS as_text, UNHEX(?) AS from_text;

-- longblob, read as string
SELECT LOWER(HEX(`v`)) AS v;

-- longblob, as a key
SELECT HEX(`v`) AS as_text, UNHEX(?) AS from_text;

-- enum('b','a'), read as string
SELECT CAST(`v` AS CHAR) AS v;

-- enum('b','a'), as a key: none

-- set('a','b'), read as string
SELECT CAST(`v` AS CHAR) AS v;

-- set('a','b'), as a key: none

-- json, read as string
SELECT CAST(`v` AS CHAR) AS v;

-- json, as a key: none
