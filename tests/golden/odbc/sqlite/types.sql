-- integer, read as string
SELECT CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END AS v, (typeof("v") = 'text' AND instr("v", char(0)) > 0) AS suspect, CASE WHEN "v" IS NOT NULL THEN hex(CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END) END AS guarded;

-- integer, as a key
SELECT CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END AS as_text, ? AS from_text;

-- bigint, read as string
SELECT CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END AS v, (typeof("v") = 'text' AND instr("v", char(0)) > 0) AS suspect, CASE WHEN "v" IS NOT NULL THEN hex(CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END) END AS guarded;

-- bigint, as a key
SELECT CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END AS as_text, ? AS from_text;

-- numeric(18,4), read as string
SELECT CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END AS v, (typeof("v") = 'text' AND instr("v", char(0)) > 0) AS suspect, CASE WHEN "v" IS NOT NULL THEN hex(CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END) END AS guarded;

-- numeric(18,4), as a key
SELECT CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END AS as_text, ? AS from_text;

-- real, read as string
SELECT CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END AS v, (typeof("v") = 'text' AND instr("v", char(0)) > 0) AS suspect, CASE WHEN "v" IS NOT NULL THEN hex(CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END) END AS guarded;

-- real, as a key: none

-- text, read as string
SELECT CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END AS v, (typeof("v") = 'text' AND instr("v", char(0)) > 0) AS suspect, CASE WHEN "v" IS NOT NULL THEN hex(CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END) END AS guarded;

-- text, as a key
SELECT CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END AS as_text, ? AS from_text;

-- varchar(20), read as string
SELECT CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END AS v, (typeof("v") = 'text' AND instr("v", char(0)) > 0) AS suspect, CASE WHEN "v" IS NOT NULL THEN hex(CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END) END AS guarded;

-- varchar(20), as a key
SELECT CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END AS as_text, ? AS from_text;

-- timestamp, read as string
SELECT CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END AS v, (typeof("v") = 'text' AND instr("v", char(0)) > 0) AS suspect, CASE WHEN "v" IS NOT NULL THEN hex(CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END) END AS guarded;

-- timestamp, as a key
SELECT CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END AS as_text, ? AS from_text;

-- date, read as string
SELECT CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END AS v, (typeof("v") = 'text' AND instr("v", char(0)) > 0) AS suspect, CASE WHEN "v" IS NOT NULL THEN hex(CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END) END AS guarded;

-- date, as a key
SELECT CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END AS as_text, ? AS from_text;

-- any, read as string
SELECT CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END AS v, (typeof("v") = 'text' AND instr("v", char(0)) > 0) AS suspect, CASE WHEN "v" IS NOT NULL THEN hex(CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END) END AS guarded;

-- any, as a key
SELECT CASE typeof("v") WHEN 'integer' THEN 'i:' WHEN 'real' THEN 'r:' ELSE 't:' END || CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END AS as_text, (SELECT CASE substr(p, 1, 2) WHEN 'i:' THEN CAST(substr(p, 3) AS INTEGER) WHEN 'r:' THEN CAST(substr(p, 3) AS REAL) WHEN 't:' THEN substr(p, 3) ELSE CASE WHEN p = '' OR ltrim(p, '-') GLOB '*[^0-9]*' THEN p ELSE CAST(p AS INTEGER) END END FROM (SELECT ? AS p)) AS from_text;

-- blob, read as string
SELECT CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END AS v, (typeof("v") = 'text' AND instr("v", char(0)) > 0) AS suspect, CASE WHEN "v" IS NOT NULL THEN hex(CASE typeof("v") WHEN 'real' THEN CASE WHEN CAST(printf('%!.15g', "v") AS REAL) = "v" THEN printf('%!.15g', "v") WHEN CAST(printf('%!.16g', "v") AS REAL) = "v" THEN printf('%!.16g', "v") ELSE printf('%!.17g', "v") END WHEN 'blob' THEN 'x''' || hex("v") || '''' ELSE CAST("v" AS TEXT) END) END AS guarded;

-- blob, as a key: none
