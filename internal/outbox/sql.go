package outbox

// SQL that both dialects understand.

// topicsSQL finds the topics by one step in the index (topic, n) for each.
const topicsSQL = `WITH RECURSIVE t (topic) AS (
	SELECT min(topic) FROM outbox
	UNION ALL
	SELECT (SELECT min(topic) FROM outbox WHERE topic > t.topic) FROM t WHERE t.topic IS NOT NULL
) SELECT topic FROM t WHERE topic IS NOT NULL LIMIT $1`

// columns are what a row of outbox consists of.
const columns = `n, id, topic, type, subject, data, attributes, created_at`

// countSQL counts rows of a table, as far as it is told to.
func countSQL(table string) string {
	return `SELECT count(*) FROM (SELECT 1 FROM ` + table + ` LIMIT $1) AS few`
}
