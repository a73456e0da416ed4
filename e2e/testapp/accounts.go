package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The accounts of a service that takes part in sagas: from some, things go to one.
// An entry is what a step or its undo moved. barrier is as docs/sagas.md has it.
const accountsSQL = `
	CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY, n INTEGER NOT NULL CHECK (n >= 0));
	CREATE TABLE IF NOT EXISTS entry (saga TEXT NOT NULL, step TEXT NOT NULL, op TEXT NOT NULL, name TEXT NOT NULL, n INTEGER NOT NULL);
	CREATE TABLE IF NOT EXISTS barrier (key TEXT PRIMARY KEY, answer TEXT, at TEXT NOT NULL DEFAULT (datetime('now')));
	INSERT INTO account WITH RECURSIVE c (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < 9)
		SELECT 'from' || n, CASE WHEN n < 8 THEN ?1 ELSE ?2 END FROM c UNION ALL SELECT 'to', 0 WHERE true ON CONFLICT DO NOTHING`

// accounts is the service's database. $START is in each account that things come
// from, but for two that have $SCARCE.
var accounts = sync.OnceValues(func() (*sql.DB, error) {
	start, err := strconv.Atoi(os.Getenv("START"))
	if err != nil {
		return nil, err
	}
	scarce := start
	if text := os.Getenv("SCARCE"); text != "" {
		if scarce, err = strconv.Atoi(text); err != nil {
			return nil, err
		}
	}
	return openDatabase(accountsSQL, start, scarce)
})

var (
	errTooLate = errors.New("the step was undone before it was done")
	errNo      = errors.New("no")
)

// order is the input of a saga: how many go from which account, which step says no
// to that, and which takes it for a mistake.
type order struct {
	From  string `json:"from"`
	N     int    `json:"n"`
	No    string `json:"no"`
	Wrong string `json:"wrong"`
}

// request is one of a saga.
type request struct {
	key, saga, step, op string
	order               order
}

func requestOf(r *http.Request) (q request, err error) {
	q.key = r.Header.Get("Idempotency-Key")
	parts := strings.Split(q.key, "/")
	if len(parts) != 3 || parts[0] != r.Header.Get("Banyan-Saga") {
		return q, fmt.Errorf("the key is %q and the saga %q", q.key, r.Header.Get("Banyan-Saga"))
	}
	q.saga, q.step, q.op = parts[0], parts[1], parts[2]
	return q, json.NewDecoder(r.Body).Decode(&q.order)
}

// apply does what a request asks for, once. That it says no is not kept: the undo
// that follows takes care of copies of the request.
func (q *request) apply() (answer string, err error) {
	db, err := accounts()
	if err != nil {
		return "", err
	}
	return once(context.Background(), db, q.key, q.move)
}

// final tells whether nothing can undo the step: there a no must be one for good.
func (q *request) final() bool { return q.step == "ship" || q.step == "pack" }

func (q *request) move(tx *sql.Tx) (string, error) {
	if q.op == "do" && q.order.No == q.step {
		return "", fmt.Errorf("%w: I do not want to", errNo)
	}
	from, to := q.order.From, "to"
	if q.op == "undo" {
		from, to = to, from
	}
	result, err := tx.Exec(`UPDATE account SET n = n - ?1 WHERE name = ?2 AND n >= ?1`, q.order.N, from) //nolint:noctx // short
	if err != nil {
		return "", err
	}
	if moved, err := result.RowsAffected(); err != nil || moved == 0 {
		return "", errors.Join(fmt.Errorf("%w: there are less than %d of %s", errNo, q.order.N, from), err)
	}
	_, err = tx.Exec(`UPDATE account SET n = n + ? WHERE name = ?`, q.order.N, to) //nolint:noctx // short
	if err == nil {
		_, err = tx.Exec(`INSERT INTO entry VALUES (?, ?, ?, ?, ?)`, q.saga, q.step, q.op, q.order.From, q.order.N) //nolint:noctx // short
	}
	return fmt.Sprintf(`{"moved": %d}`, q.order.N), err
}

// once is the recipe of docs/sagas.md.
func once(ctx context.Context, db *sql.DB, key string, work func(*sql.Tx) (answer string, err error)) (string, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return "", err
	}
	defer tx.Rollback() // does nothing after Commit
	take := func(key string) (bool, error) {
		result, err := tx.ExecContext(ctx, `INSERT INTO barrier (key) VALUES ($1) ON CONFLICT DO NOTHING`, key)
		if err != nil {
			return false, err
		}
		n, err := result.RowsAffected()
		return n == 1, err
	}
	nothing := false
	if step, undo := strings.CutSuffix(key, "/undo"); undo {
		if nothing, err = take(step + "/do"); err != nil { // then there is nothing to undo
			return "", err
		}
	}
	first, err := take(key)
	if err != nil {
		return "", err
	}
	if !first {
		var answer sql.NullString
		err := tx.QueryRowContext(ctx, `SELECT answer FROM barrier WHERE key = $1`, key).Scan(&answer)
		if err == nil && !answer.Valid {
			err = errTooLate
		}
		return answer.String, err
	}
	answer := "null"
	if !nothing {
		if answer, err = work(tx); err != nil {
			return "", err
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE barrier SET answer = $1 WHERE key = $2`, answer, key); err != nil {
		return "", err
	}
	return answer, tx.Commit()
}

// move is the handler of a saga's step and its undo. Until there is a file named
// calm in $LEDGER it behaves as badly as a service and a network may.
func move(w http.ResponseWriter, r *http.Request) {
	q, err := requestOf(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if q.op == "do" && q.order.Wrong == q.step && !told("mended") {
		http.Error(w, "this cannot be right", http.StatusUnprocessableEntity)
		return
	}
	n := rand.IntN(1000) //nolint:gosec // a mood is no secret
	if told("calm") {
		n = 1000
	}
	soon := time.Duration(rand.IntN(1500)) * time.Millisecond //nolint:gosec // as above
	switch {
	case n < 20: // nothing was done
		http.Error(w, "out of order", http.StatusInternalServerError)
		return
	case n < 40:
		<-r.Context().Done()
		return
	case n < 60:
		w.Header().Set("Retry-After", strconv.Itoa(n%2))
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case n < 120: // it is long on its way, perhaps longer than anybody waits
		<-time.After(soon)
	case n < 180: // it comes once more, some time later
		time.AfterFunc(soon, func() { _, _ = q.apply() })
	case n >= 320 && n < 340 && q.op == "do" && !q.final(): // no; and when it comes once more it is done
		time.AfterFunc(soon, func() { _, _ = q.apply() })
		reply(w, "", fmt.Errorf("%w: not now", errNo))
		return
	}
	answer, err := q.apply()
	switch {
	case err != nil || n >= 320:
	case n >= 260: // the answer is to be had elsewhere
		w.Header().Set("Location", "/moved?key="+url.QueryEscape(q.key))
		w.WriteHeader(http.StatusAccepted)
		return
	case n >= 240: // it is done, and the answer is lost
		http.Error(w, "out of order", http.StatusInternalServerError)
		return
	case n >= 210:
		panic(http.ErrAbortHandler)
	case n >= 180:
		<-r.Context().Done()
		return
	}
	reply(w, answer, err)
}

func reply(w http.ResponseWriter, answer string, err error) {
	switch {
	case errors.Is(err, errTooLate), errors.Is(err, errNo):
		w.Header().Set("Banyan-Outcome", "abort")
		http.Error(w, err.Error(), http.StatusConflict)
	case err != nil:
		fmt.Fprintln(os.Stderr, "testapp:", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, answer)
	}
}

// moved answers what came of a request that was accepted.
func moved(w http.ResponseWriter, r *http.Request) {
	db, err := accounts()
	var answer sql.NullString
	if err == nil {
		err = db.QueryRowContext(r.Context(), `SELECT answer FROM barrier WHERE key = ?`, r.FormValue("key")).Scan(&answer)
	}
	if err == nil && !answer.Valid {
		err = errTooLate
	}
	reply(w, answer.String, err)
}

// told tells whether there is a file of that name in $LEDGER.
func told(name string) bool {
	_, err := os.Stat(filepath.Join(os.Getenv("LEDGER"), name))
	return err == nil
}
