package store

// expired is a page of sagas that may be deleted. Those of a parent that has not
// ended stay: it may still want them undone.
const expired = `(SELECT n FROM saga WHERE expires > 0 AND expires <= $1 AND (parent = ''
	OR NOT EXISTS (SELECT 1 FROM saga AS above WHERE above.id = saga.parent AND above.expires = 0)) ORDER BY expires, n LIMIT $2)`

// purges deletes a page. The last one's number of rows is that of sagas.
var purges = []string{
	`DELETE FROM saga_log WHERE saga IN ` + expired,
	`DELETE FROM waiting WHERE saga IN ` + expired,
	`DELETE FROM saga WHERE n IN ` + expired,
}
