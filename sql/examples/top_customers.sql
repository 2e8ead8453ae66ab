-- The ten customers who ordered most, and what share of all orders that is.
SELECT c_custkey, c_name, total, round(100 * total / sum(total) OVER (), 2) AS percent
FROM (
  SELECT c_custkey, c_name, sum(o_totalprice) AS total
  FROM customer JOIN orders ON o_custkey = c_custkey
  GROUP BY c_custkey, c_name
) AS totals
ORDER BY total DESC, c_custkey
LIMIT 10
