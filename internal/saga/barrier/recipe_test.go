package barrier_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
	"testing"
)

// errTooLate says that the step was undone before it was done.
var errTooLate = errors.New("the step was undone before it was done")

// once does a step's work, or its undo's, the first time that it is asked for with
// a key, and returns the first answer each time.
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

// The function above is the recipe.
func TestRecipeIsThatOfTheDocs(t *testing.T) {
	source, err := os.ReadFile("recipe_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), fence(t, "go barrier")) {
		t.Error("the recipe in docs/sagas.md is not the function once of this file")
	}
}
