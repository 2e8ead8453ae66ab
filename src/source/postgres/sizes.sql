-- Relations and everything below them (partitions, inheritance children) that stores rows.
-- {oids} is replaced by the relations' oids, separated by commas.
WITH RECURSIVE tree(root, oid) AS (
    SELECT o, o FROM pg_catalog.unnest(ARRAY[{oids}]::pg_catalog.oid[]) o
  UNION
    SELECT t.root, i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON t.oid = i.inhparent
)
SELECT c.relkind,
       coalesce(m.amname, ''),
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_relation_size(c.oid) / s.block ELSE 0 END,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_table_size(c.oid) ELSE 0 END,
       c.reltuples::pg_catalog.float8,
       c.relpages,
       c.oid,
       c.oid::pg_catalog.regclass::pg_catalog.text,
       pg_catalog.has_table_privilege(c.oid, 'SELECT') AND NOT c.relrowsecurity,
       s.block,
       t.root
FROM tree t
CROSS JOIN (SELECT pg_catalog.current_setting('block_size')::bigint) s(block)
JOIN pg_catalog.pg_class c ON c.oid = t.oid
LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam
-- The relation itself first.
ORDER BY t.root, c.oid <> t.root
