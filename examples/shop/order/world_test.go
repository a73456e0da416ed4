package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/shop/contract"
)

// fault is a way in which a call goes wrong.
type fault string

const (
	refuses     fault = "refuses"         // with the step's own problem
	breaks      fault = "breaks"          // 500, and nothing is done
	breaksAfter fault = "breaks after"    // 500, and it is done
	hangs       fault = "hangs"           // no answer, and nothing is done
	hangsAfter  fault = "hangs after"     // no answer, and it is done
	hangsUp     fault = "hangs up"        // the connection ends, and nothing is done
	hangsUpDone fault = "hangs up after"  // the connection ends, and it is done
	late        fault = "late"            // no answer, and it is done only after the undo has come
	crash       fault = "crash"           // the order service dies during the call, and nothing is done
	crashAfter  fault = "crash after"     // the order service dies during the call, and it is done
	garbage     fault = "answers garbage" // 200, in HTML, and it is done
)

// world is all the services that order calls, in memory. What they are asked for is an action on a kind of thing.
type world struct {
	url string

	mu     sync.Mutex
	states map[string]string        // "reservation ord_1" → open, committed, live or undone
	faults map[string]func() fault  // by action
	plug   func()                   // kills the order service
	seen   []string                 // actions, in the order of their coming
	heads  map[string]http.Header   // the last headers of an action
	waits  map[string]chan struct{} // closed when an undo has come, by thing
	later  sync.WaitGroup
}

// actions are what the world can be asked for.
var actions = []struct{ name, pattern, kind, from, to string }{
	{"reserve", "PUT /inventory/reservations/{id}", "reservation", "", "open"},
	{"commit", "POST /inventory/reservations/{id}/commit", "reservation", "open", "committed"},
	{"release", "DELETE /inventory/reservations/{id}", "reservation", "", "undone"},
	{"charge", "PUT /payment/charges/{id}", "charge", "", "live"},
	{"refund", "DELETE /payment/charges/{id}", "charge", "", "undone"},
	{"ship", "PUT /shipping/shipments/{id}", "shipment", "", "live"},
	{"recall", "DELETE /shipping/shipments/{id}", "shipment", "", "undone"},
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		states: map[string]string{}, faults: map[string]func() fault{}, heads: map[string]http.Header{},
		waits: map[string]chan struct{}{},
	}
	mux := http.NewServeMux()
	for _, a := range actions {
		mux.HandleFunc(a.pattern, func(rw http.ResponseWriter, r *http.Request) {
			thing := a.kind + " " + r.PathValue("id")
			w.answer(rw, r, a.name, thing, func() int { return w.move(thing, a.from, a.to) })
		})
	}
	mux.HandleFunc("POST /catalog/internal/prices", func(rw http.ResponseWriter, r *http.Request) {
		w.answer(rw, r, "prices", "", func() int { return w.price(rw, r) })
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close(); w.later.Wait() })
	w.url = server.URL
	return w
}

// clients are order's clients for this world.
func (w *world) clients() dependencies {
	others, _ := dependenciesFrom(func(name string) string {
		return w.url + "/" + strings.ToLower(strings.TrimSuffix(name, "_URL"))
	})
	return others
}

// set makes an action go wrong from now on; no fault makes it go right.
func (w *world) set(action string, f fault) { w.vary(action, func() fault { return f }) }

func (w *world) vary(action string, f func() fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults[action] = f
}

// mend makes everything go right.
func (w *world) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.faults)
}

// answer does what is asked for, in the way that the action's fault has it.
func (w *world) answer(rw http.ResponseWriter, r *http.Request, action, thing string, do func() int) {
	switch f := w.note(r, action); f {
	case refuses:
		refuse(rw, action)
	case breaks:
		rw.WriteHeader(500)
	case breaksAfter:
		do()
		rw.WriteHeader(500)
	case garbage:
		do()
		_, _ = rw.Write([]byte("<html>"))
	case hangs:
		w.hold(r)
	case hangsAfter:
		do()
		w.hold(r)
	case hangsUp, crash:
		w.pull(f)
		panic(http.ErrAbortHandler)
	case hangsUpDone, crashAfter:
		do()
		w.pull(f)
		panic(http.ErrAbortHandler)
	case late:
		w.later.Go(func() { <-w.undone(thing); do() })
		w.hold(r)
	default:
		w.reply(rw, action, do())
	}
}

// note keeps that a call came, and tells how it is to go wrong.
func (w *world) note(r *http.Request, action string) fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, action)
	w.heads[action] = r.Header
	if f := w.faults[action]; f != nil {
		return f()
	}
	return ""
}

// hold waits until the caller has given up.
func (w *world) hold(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // the server only sees a caller leave once it has read all of the request
	<-r.Context().Done()
}

func (w *world) pull(f fault) {
	if f == crash || f == crashAfter {
		w.plug()
	}
}

func refuse(rw http.ResponseWriter, action string) {
	problem := contract.NewProblem(409, "out-of-stock", "There is none left.")
	problem.Products = []string{"mug"}
	if action == "charge" {
		problem = contract.NewProblem(402, "declined", "The bank declined.")
	}
	rw.WriteHeader(problem.Status)
	_ = json.NewEncoder(rw).Encode(problem)
}

func (w *world) reply(rw http.ResponseWriter, action string, status int) {
	switch {
	case status == 0: // it has answered by itself
	case status == 409:
		rw.WriteHeader(409)
		_ = json.NewEncoder(rw).Encode(contract.NewProblem(409, "cancelled", "It was undone."))
	case action == "ship":
		_ = json.NewEncoder(rw).Encode(contract.Shipment{ID: "s", Tracking: "T1", State: "preparing"})
	default:
		rw.WriteHeader(status)
	}
}

// move takes a thing to a state. What is undone stays undone, and what is further along stays there.
func (w *world) move(thing, from, to string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch now := w.states[thing]; {
	case to == "undone":
		if now != to {
			close(w.wait(thing))
		}
		w.states[thing] = to
	case now == "undone":
		return 409
	case now == from:
		w.states[thing] = to
	}
	return 204
}

// wait is the channel that is closed when the undo of a thing comes.
func (w *world) wait(thing string) chan struct{} {
	if w.waits[thing] == nil {
		w.waits[thing] = make(chan struct{})
	}
	return w.waits[thing]
}

func (w *world) undone(thing string) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wait(thing)
}

// price knows a mug and a pen.
func (w *world) price(rw http.ResponseWriter, r *http.Request) int {
	var query contract.PriceQuery
	_ = json.NewDecoder(r.Body).Decode(&query)
	known := map[string]int64{"mug": 1600, "pen": 250}
	var prices []contract.Price
	for _, id := range query.ProductIDs {
		if known[id] == 0 {
			problem := contract.NotFound("product", id)
			problem.Products = []string{id}
			rw.WriteHeader(404)
			_ = json.NewEncoder(rw).Encode(problem)
			return 0
		}
		prices = append(prices, contract.Price{ID: id, Name: "A " + id, PriceCents: known[id], Currency: "EUR"})
	}
	_ = json.NewEncoder(rw).Encode(contract.ListOf(prices))
	return 0
}

// left names what stands of an order in the other services; of all orders if id is empty.
func (w *world) left(id string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var left []string
	for thing, state := range w.states {
		if state != "undone" && strings.HasSuffix(thing, id) {
			left = append(left, fmt.Sprintf("%s: %s", strings.Fields(thing)[0], state))
		}
	}
	slices.Sort(left)
	return left
}

// whole is what stands of a confirmed order.
var whole = []string{"charge: live", "reservation: committed", "shipment: live"}

func (w *world) expectLeft(t *testing.T, id string, want []string) {
	t.Helper()
	if left := w.left(id); !slices.Equal(left, want) {
		t.Fatalf("of the order stands %v, want %v", left, want)
	}
}
