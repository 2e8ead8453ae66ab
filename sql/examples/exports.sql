-- Several exports as of one moment:
--   lakexpress query --script sql/examples/exports.sql --source ... --output-dir ./lake

-- The ten customers who ordered most.
COPY (
  SELECT c_custkey, c_name, sum(o_totalprice) AS total, count(*) AS orders
  FROM customer JOIN orders ON o_custkey = c_custkey
  GROUP BY c_custkey, c_name
  ORDER BY total DESC, c_custkey
  LIMIT 10
) TO 'top_customers';

/* Revenue by nation and year, as a table to chart.
   A CTE, a window and a join of five tables. */
COPY (
  WITH yearly AS (
    SELECT n_name AS nation, CAST(extract(year FROM o_orderdate) AS integer) AS year,
           sum(l_extendedprice * (1 - l_discount)) AS revenue
    FROM nation
    JOIN customer ON c_nationkey = n_nationkey
    JOIN orders   ON o_custkey = c_custkey
    JOIN lineitem ON l_orderkey = o_orderkey
    GROUP BY n_name, extract(year FROM o_orderdate)
  )
  SELECT nation, year, revenue, rank() OVER (PARTITION BY year ORDER BY revenue DESC) AS place
  FROM yearly
  ORDER BY year, place, nation
) TO 'revenue_by_nation_and_year';

-- Everybody we know, whatever they are.
COPY (
  SELECT 'customer' AS kind, c_name AS name, c_acctbal AS balance FROM customer
  UNION ALL
  SELECT 'supplier', s_name, s_acctbal FROM supplier
) TO 'parties';

-- A whole table under another name.
COPY region TO 'regions';
