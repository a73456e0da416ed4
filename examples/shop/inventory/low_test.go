package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"testing"

	"example.com/shop/contract"
)

const few = "two-person-tent" // the seed has 40

// openWithOutbox starts the service on a new database, and gives a function that takes the events out of its outbox, as they are
// when they are published.
func openWithOutbox(t *testing.T) (h http.Handler, published func() []contract.StockLow) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	h = openAt(t, path)
	db, err := openDatabase(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return h, func() (events []contract.StockLow) {
		t.Helper()
		rows, err := db.Query(`DELETE FROM outbox RETURNING topic, subject, data`)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var topic, subject string
			var data []byte
			var event contract.StockLow
			if err := errors.Join(rows.Scan(&topic, &subject, &data), json.Unmarshal(data, &event)); err != nil {
				t.Fatal(err)
			}
			if topic != "stock.low" || subject != event.ProductID {
				t.Fatalf("%s of %s is about %s", topic, subject, event.ProductID)
			}
			events = append(events, event)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return events
	}
}

func expectPublished(t *testing.T, published func() []contract.StockLow, want ...contract.StockLow) {
	t.Helper()
	if got := published(); !slices.Equal(got, want) {
		t.Fatalf("published %+v, want %+v", got, want)
	}
}

func TestStockLowIsPublishedWhenTheThresholdIsCrossed(t *testing.T) {
	h, published := openWithOutbox(t)
	published() // of what the seed has little
	call[any](t, h, 201, "PUT", "/reservations/r1", items(35, few))
	expectPublished(t, published)
	call[any](t, h, 201, "PUT", "/reservations/r2", items(1, few, plenty))
	expectPublished(t, published, contract.StockLow{ProductID: few, Available: 4, Low: true})
	call[any](t, h, 201, "PUT", "/reservations/r3", items(1, few))
	call[any](t, h, 204, "POST", "/reservations/r2/commit", "")
	call[any](t, h, 409, "PUT", "/reservations/r4", items(9, few))
	expectPublished(t, published)
	call[any](t, h, 204, "DELETE", "/reservations/r3", "")
	expectPublished(t, published)
	call[any](t, h, 204, "DELETE", "/reservations/r2", "")
	expectPublished(t, published, contract.StockLow{ProductID: few, Available: 5, Low: false})
}

func TestStockLowOfTheSeed(t *testing.T) {
	_, published := openWithOutbox(t)
	got := published()
	slices.SortFunc(got, func(a, b contract.StockLow) int { return a.Available - b.Available })
	want := []contract.StockLow{{ProductID: none, Low: true}, {ProductID: scarce, Available: 3, Low: true}}
	if !slices.Equal(got, want) {
		t.Fatalf("published %+v, want %+v", got, want)
	}
}
