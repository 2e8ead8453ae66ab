-- Columns of relations with domains unwrapped to their base type, for the column and for the
-- element of an array column. What stands in braces is replaced: the relations' oids, separated by commas; the catalog's
-- tables of attributes and relations, or rows that describe the result of a query, whose relation is 0.
WITH RECURSIVE base(relation, attnum, oid, typmod, ndims) AS (
    SELECT a.attrelid, a.attnum, a.atttypid, a.atttypmod, a.attndims::int
    FROM {attributes} a
    WHERE a.attrelid IN ({oids}) AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
    SELECT b.relation, b.attnum, t.typbasetype,
           CASE WHEN b.typmod = -1 THEN t.typtypmod ELSE b.typmod END,
           GREATEST(b.ndims, t.typndims)
    FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid
    WHERE t.typtype = 'd'
), element(relation, attnum, oid, typmod) AS (
    SELECT b.relation, b.attnum, t.typelem, b.typmod
    FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid
    WHERE t.typcategory = 'A' AND t.typlen = -1 AND t.typelem <> 0
  UNION ALL
    SELECT e.relation, e.attnum, t.typbasetype, CASE WHEN e.typmod = -1 THEN t.typtypmod ELSE e.typmod END
    FROM element e JOIN pg_catalog.pg_type t ON t.oid = e.oid
    WHERE t.typtype = 'd'
)
SELECT a.attnum,
       a.attname,
       pg_catalog.format_type(a.atttypid, a.atttypmod),
       b.oid,
       b.typmod,
       t.typname,
       t.typtype,
       t.typcategory,
       t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace,
       b.ndims,
       a.attnotnull AND c.relkind IN ('r', 'p', 'm')
         AND (c.relkind = 'p' OR NOT c.relhassubclass)
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
                         WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND NOT k.convalidated
                           AND a.attnum = ANY (k.conkey)),
       coalesce(l.collisdeterministic, true),
       -- Not a join: with thousands of tables the planner would read all statistics for each of them.
       (SELECT s.n_distinct FROM pg_catalog.pg_stats s
        WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname
          AND s.inherited = (c.relkind = 'p')),
       et.oid,
       et.typname,
       et.typtype,
       et.typnamespace = 'pg_catalog'::pg_catalog.regnamespace,
       -- A string of JSON that is an array of the labels, in their order.
       CASE WHEN t.typtype = 'e'
            THEN (SELECT coalesce(pg_catalog.json_agg(l.enumlabel ORDER BY l.enumsortorder)::pg_catalog.text, '[]')
                  FROM pg_catalog.pg_enum l WHERE l.enumtypid = t.oid) END,
       e.typmod,
       t.typrelid,
       et.typrelid,
       a.atttypid,
       a.attrelid,
       -- The extension that brought the type: a name alone says nothing.
       (SELECT x.extname FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
        WHERE t.oid >= 16384 AND d.objid = t.oid AND d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
          AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'),
       (SELECT s.nspname FROM pg_catalog.pg_namespace s WHERE s.oid = t.typnamespace),
       (SELECT x.extname FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
        WHERE et.oid >= 16384 AND d.objid = et.oid AND d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
          AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'),
       (SELECT s.nspname FROM pg_catalog.pg_namespace s WHERE s.oid = et.typnamespace),
       pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT'),
       et.typdelim,
       a.attgenerated
FROM {attributes} a
JOIN {classes} c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN base b ON b.relation = a.attrelid AND b.attnum = a.attnum
JOIN pg_catalog.pg_type t ON t.oid = b.oid AND t.typtype <> 'd'
LEFT JOIN element e ON e.relation = a.attrelid AND e.attnum = a.attnum
                   AND EXISTS (SELECT FROM pg_catalog.pg_type x WHERE x.oid = e.oid AND x.typtype <> 'd')
LEFT JOIN pg_catalog.pg_type et ON et.oid = e.oid
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
WHERE a.attrelid IN ({oids})
ORDER BY a.attrelid, a.attnum
