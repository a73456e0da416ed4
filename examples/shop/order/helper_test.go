package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/shop/contract"
)

// shop is the order service in a world of fakes.
type shop struct {
	*world
	*service
	handler http.Handler
	path    string
}

func open(t *testing.T) *shop {
	t.Helper()
	return openIn(t, newWorld(t), filepath.Join(t.TempDir(), "order.db"))
}

// openIn starts the service on the database at path. It makes up for nothing by itself: tests call starter.round.
func openIn(t *testing.T, w *world, path string) *shop {
	t.Helper()
	db, err := openDatabase(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	writer, err := newWriter(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	s := &shop{world: w, service: newService(log, store{db, writer}, w.dependencies()), path: path}
	s.handler = contract.Handle(log, s.routes())
	w.mu.Lock()
	w.order = s.handler
	w.mu.Unlock()
	t.Cleanup(func() { s.starter.all.Wait(); w.later.Wait(); _ = db.Close() })
	return s
}

// restart starts the service again after a crash, in the same world.
func (s *shop) restart(t *testing.T) *shop {
	t.Helper()
	return openIn(t, s.world, s.path)
}

const twoMugs = `{"items": [{"product_id": "mug", "quantity": 2}, {"product_id": "pen", "quantity": 1}]}`

// place asks for an order as Ada does, with a key.
func (s *shop) place(key, body string) *httptest.ResponseRecorder {
	return s.send("POST", "/api/orders", body, "X-User-Id", "ada", "X-User-Email", "ada@example.org", "Idempotency-Key", key)
}

func (s *shop) send(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, request)
	return recorder
}

// decode checks an answer's status and decodes its body as T.
func decode[T any](t *testing.T, recorder *httptest.ResponseRecorder, want int) (out T) {
	t.Helper()
	if recorder.Code != want {
		t.Fatalf("answered %d, want %d: %s", recorder.Code, want, recorder.Body)
	}
	if err := json.Unmarshal(recorder.Body.Bytes(), &out); err != nil {
		t.Fatalf("%v in %s", err, recorder.Body)
	}
	return out
}

// refused checks that an answer is a problem with this status and code.
func refused(t *testing.T, recorder *httptest.ResponseRecorder, status int, code string) contract.Problem {
	t.Helper()
	problem := decode[contract.Problem](t, recorder, status)
	if problem.Code != code || recorder.Header().Get("Content-Type") != "application/problem+json" {
		t.Fatalf("problem %+v, want code %s", problem, code)
	}
	return problem
}

// latest is Ada's latest order.
func (s *shop) latest(t *testing.T) contract.Order {
	t.Helper()
	orders := decode[contract.List[contract.Order]](t, s.send("GET", "/api/orders", "", "X-User-Id", "ada"), 200).Items
	if len(orders) == 0 {
		t.Fatal("Ada has no order")
	}
	return orders[0]
}

// told gives the events about orders that the outbox holds.
func (s *shop) told(t *testing.T) (events []event) {
	t.Helper()
	rows, err := s.store.db.Query(`SELECT topic, subject, data, coalesce(attributes, '') FROM outbox ORDER BY n`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var e event
		var data []byte
		if err := errors.Join(rows.Scan(&e.topic, &e.subject, &data, &e.attributes), json.Unmarshal(data, &e.data)); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return events
}

type event struct {
	topic, subject, attributes string
	data                       contract.OrderEvent
}

// expectTold checks of which topics the events about an order are.
func (s *shop) expectTold(t *testing.T, id string, want ...string) {
	t.Helper()
	var topics []string
	for _, e := range s.told(t) {
		if e.subject == id {
			topics = append(topics, e.topic)
		}
	}
	if !slices.Equal(topics, want) {
		t.Fatalf("told of the order: %v, want %v", topics, want)
	}
}

func (s *shop) expectLatest(t *testing.T, status, reason string) contract.Order {
	t.Helper()
	o := s.latest(t)
	if o.Status != status || o.Reason != reason {
		t.Fatalf("the order is %s (%s), want %s (%s)", o.Status, o.Reason, status, reason)
	}
	return o
}
