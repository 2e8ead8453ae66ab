-- Functions of database users in what the server simplifies when it plans any statement over a relation: expressions
-- and conditions of its indexes, keys of partitions, checks, extended statistics. Put in are the relations' oids,
-- separated by commas, and the expressions of extended statistics, which came with version 14.
--
-- Functions of superusers and of the role that reads are no danger to it.
WITH RECURSIVE tree(root, oid) AS (
    SELECT o, o FROM pg_catalog.unnest(ARRAY[{oids}]::pg_catalog.oid[]) o
  UNION
    SELECT t.root, i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON t.oid = i.inhparent
), above(root, oid) AS (
    -- The bounds of a partition that is partitioned itself are those of its parent's key.
    SELECT o, o FROM pg_catalog.unnest(ARRAY[{oids}]::pg_catalog.oid[]) o
  UNION
    SELECT a.root, i.inhparent FROM pg_catalog.pg_inherits i JOIN above a ON a.oid = i.inhrelid
), simplified(root, kind, name, classid, objid, trees) AS (
    SELECT t.root, 'index', c.relname, 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid,
           pg_catalog.concat_ws(' ', i.indexprs::pg_catalog.text, i.indpred::pg_catalog.text)
    FROM tree t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
  UNION ALL
    SELECT t.root, 'partition key', c.relname, 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid,
           p.partexprs::pg_catalog.text
    FROM (SELECT * FROM tree UNION SELECT * FROM above) t
    JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = t.oid
    JOIN pg_catalog.pg_class c ON c.oid = t.oid
    WHERE p.partexprs IS NOT NULL
  UNION ALL
    SELECT t.root, 'check', k.conname, 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid,
           k.conbin::pg_catalog.text
    FROM tree t JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid
    WHERE k.contype = 'c'
  UNION ALL
    SELECT t.root, 'statistics', s.stxname, 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid,
           {statistics}::pg_catalog.text
    FROM tree t JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = t.oid
    WHERE {statistics} IS NOT NULL
), theirs AS (
    SELECT p.oid, p.proname, p.prosrc, p.proowner, p.pronargdefaults, n.nspname, l.lanname
    FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_roles r ON r.oid = p.proowner
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE p.oid >= 16384 AND NOT r.rolsuper AND r.rolname <> current_user
      -- Only a superuser makes these.
      AND l.lanname NOT IN ('c', 'internal')
), used AS (
    SELECT s.root, s.kind, s.name, s.classid, s.objid, s.trees, d.refobjid AS called,
           -- An operator with an estimator is tried on the values that the statistics know.
           coalesce(o.oprrest <> 0::pg_catalog.oid, false) AS estimated, f.*
    FROM simplified s
    JOIN pg_catalog.pg_depend d ON d.classid = s.classid AND d.objid = s.objid
    LEFT JOIN pg_catalog.pg_operator o
        ON d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND o.oid = d.refobjid
    JOIN theirs f ON f.oid = CASE WHEN d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass THEN d.refobjid
                                  ELSE o.oprcode::pg_catalog.oid END
  UNION ALL
    -- The estimators of ranges ask how far apart two values are; of which range a multirange, an array or a domain is,
    -- is not looked for.
    SELECT s.root, s.kind, s.name, s.classid, s.objid, s.trees, d.refobjid, true, f.*
    FROM simplified s
    JOIN pg_catalog.pg_depend d ON d.classid = s.classid AND d.objid = s.objid
        AND d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
    JOIN pg_catalog.pg_type t ON t.oid = d.refobjid
    JOIN pg_catalog.pg_range g ON g.rngtypid = t.oid OR t.typtype IN ('m', 'd') OR t.typcategory = 'A'
    JOIN theirs f ON f.oid = g.rngsubdiff::pg_catalog.oid
), names AS MATERIALIZED (
    SELECT DISTINCT pg_catalog.lower(q.proname::pg_catalog.text) AS name FROM theirs q
), odd_names AS MATERIALIZED (
    SELECT q.proname AS name FROM theirs q WHERE q.proname !~ '^[A-Za-z0-9_$]+$'
), operators AS MATERIALIZED (
    SELECT DISTINCT o.oprname AS name FROM pg_catalog.pg_operator o JOIN theirs q ON q.oid = o.oprcode
), bodies AS MATERIALIZED (
    -- The server puts the body of a function in SQL in the place of its call. What it says of functions, operators and
    -- casts of theirs is found by their names, too often rather than too seldom.
    SELECT b.oid, (b.prosrc ~* 'u&"'
           -- A body that was parsed when the function was made.
           OR EXISTS (SELECT FROM pg_catalog.pg_depend d
                      LEFT JOIN pg_catalog.pg_operator o
                          ON d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND o.oid = d.refobjid
                      JOIN theirs q ON q.oid = CASE d.refclassid
                          WHEN 'pg_catalog.pg_proc'::pg_catalog.regclass THEN d.refobjid
                          ELSE o.oprcode::pg_catalog.oid END
                      WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = b.oid)
           -- Longer names are cut, other letters than these are folded.
           OR b.prosrc ~ '[a-zA-Z0-9_$]{63}'
           OR pg_catalog.octet_length(b.prosrc) <> pg_catalog.length(b.prosrc)
           OR EXISTS (SELECT FROM pg_catalog.regexp_split_to_table(pg_catalog.lower(b.prosrc), '[^a-z0-9_$]+') AS w(word)
                      WHERE w.word IN (SELECT n.name FROM names n))
           OR EXISTS (SELECT FROM odd_names n
                      WHERE pg_catalog.strpos(pg_catalog.replace(b.prosrc, '""', '"'), n.name) > 0)
           OR EXISTS (SELECT FROM operators o WHERE pg_catalog.strpos(b.prosrc, o.name) > 0)
           OR EXISTS (SELECT FROM pg_catalog.pg_cast c JOIN theirs q ON q.oid = c.castfunc)
           OR EXISTS (SELECT FROM pg_catalog.pg_constraint k
                      JOIN pg_catalog.pg_depend d ON d.objid = k.oid
                          AND d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
                          AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                      JOIN theirs q ON q.oid = d.refobjid
                      WHERE k.contypid <> 0)) AS calls
    FROM (SELECT DISTINCT u.oid, u.prosrc FROM used u WHERE u.lanname = 'sql') b
)
SELECT u.root, u.kind, u.name, u.trees, u.called,
       pg_catalog.quote_ident(u.nspname) || '.' || pg_catalog.quote_ident(u.proname),
       pg_catalog.pg_get_userbyid(u.proowner),
       u.estimated OR u.pronargdefaults > 0 OR coalesce(b.calls, false)
FROM used u LEFT JOIN bodies b ON b.oid = u.oid
ORDER BY u.root, u.kind, u.name
