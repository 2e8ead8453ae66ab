-- Those of some relations over which a plan simplifies any expression: `planned.sql`, which takes the server several
-- times as long, says which functions these call. What is put in is as there.
WITH RECURSIVE tree(root, oid) AS (
    SELECT o, o FROM pg_catalog.unnest(ARRAY[{oids}]::pg_catalog.oid[]) o
  UNION
    SELECT t.root, i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON t.oid = i.inhparent
), above(root, oid) AS (
    SELECT o, o FROM pg_catalog.unnest(ARRAY[{oids}]::pg_catalog.oid[]) o
  UNION
    SELECT a.root, i.inhparent FROM pg_catalog.pg_inherits i JOIN above a ON a.oid = i.inhrelid
)
SELECT DISTINCT t.root
FROM tree t
WHERE EXISTS (SELECT FROM pg_catalog.pg_index i
              WHERE i.indrelid = t.oid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL))
   OR EXISTS (SELECT FROM pg_catalog.pg_partitioned_table p WHERE p.partrelid = t.oid AND p.partexprs IS NOT NULL)
   OR EXISTS (SELECT FROM above a JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = a.oid
              WHERE a.root = t.root AND p.partexprs IS NOT NULL)
   OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = t.oid AND k.contype = 'c')
   OR EXISTS (SELECT FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = t.oid AND {statistics} IS NOT NULL)
