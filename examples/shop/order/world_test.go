package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"example.com/shop/contract"
)

// world is all that order calls: the catalog, and a platform that runs sagas. A saga is run at once, as w.saga says, when it is
// started for the first time.
type world struct {
	url string

	mu     sync.Mutex
	order  http.Handler // the service, for the steps that it answers
	saga   func(id string)
	starts map[string]int         // by order
	heads  map[string]http.Header // the last headers of a call
	broken map[string]string      // how a call goes wrong
	later  sync.WaitGroup
}

// How a call goes wrong.
const (
	breaks      = "breaks"         // 500, and nothing is done
	breaksAfter = "breaks after"   // 500, and it is done
	hangsUp     = "hangs up"       // the connection ends, and nothing is done
	hangsUpDone = "hangs up after" // the connection ends, and it is done
	garbage     = "garbage"        // 200, in HTML
)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{starts: map[string]int{}, heads: map[string]http.Header{}, broken: map[string]string{}}
	w.saga = func(id string) { w.succeed(t, id) }
	mux := http.NewServeMux()
	mux.HandleFunc("POST /catalog/internal/prices", func(rw http.ResponseWriter, r *http.Request) {
		w.answer(rw, r, "prices", price)
	})
	mux.HandleFunc("POST /banyan/v1/sagas/checkout", func(rw http.ResponseWriter, r *http.Request) {
		w.answer(rw, r, "start", w.start)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close(); w.later.Wait() })
	w.url = server.URL
	return w
}

// dependencies are order's clients for this world.
func (w *world) dependencies() dependencies {
	others, _ := dependenciesFrom(func(name string) string {
		return w.url + "/" + strings.ToLower(strings.TrimSuffix(name, "_URL"))
	})
	return others
}

// set makes a call go wrong from now on; "" makes it go right.
func (w *world) set(call, how string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken[call] = how
}

// sagas says how sagas go from now on.
func (w *world) sagas(how func(id string)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.saga = how
}

func (w *world) answer(rw http.ResponseWriter, r *http.Request, call string, do http.HandlerFunc) {
	w.mu.Lock()
	w.heads[call] = r.Header
	how := w.broken[call]
	w.mu.Unlock()
	switch how {
	case breaks:
		rw.WriteHeader(500)
	case breaksAfter:
		do(httptest.NewRecorder(), r)
		rw.WriteHeader(500)
	case hangsUp:
		panic(http.ErrAbortHandler)
	case hangsUpDone:
		do(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case garbage:
		_, _ = rw.Write([]byte("<html>"))
	default:
		do(rw, r)
	}
}

// start is the platform's answer to whoever starts a saga.
func (w *world) start(rw http.ResponseWriter, r *http.Request) {
	var in struct{ Order string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Order == "" || r.Header.Get("Idempotency-Key") != in.Order {
		rw.WriteHeader(422)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.starts[in.Order]++
	if w.starts[in.Order] == 1 {
		saga := w.saga
		w.later.Go(func() { saga(in.Order) })
		rw.WriteHeader(201)
	}
	_, _ = fmt.Fprintf(rw, `{"id": "saga-of-%s"}`, in.Order)
}

// step calls the service as the platform does.
func (w *world) step(method, path, body string) *httptest.ResponseRecorder {
	w.mu.Lock()
	h := w.order
	w.mu.Unlock()
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, httptest.NewRequest(method, path, strings.NewReader(body)))
	return recorder
}

// succeed runs a saga whose steps all succeed.
func (w *world) succeed(t *testing.T, id string) {
	t.Helper()
	var o checkoutOrder
	answer := w.step("GET", "/internal/orders/"+id, "")
	if err := json.Unmarshal(answer.Body.Bytes(), &o); err != nil || o.Charge.OrderID != id || o.Charge.AmountCents <= 0 || len(o.Items) == 0 {
		t.Errorf("the first step of order %s: %d %s", id, answer.Code, answer.Body)
	}
	for range 2 { // the answer to the first is lost
		if answer := w.step("POST", "/internal/orders/"+id+"/confirm", `{"shipment": {"id": "s", "tracking": "T1", "state": "preparing"}}`); answer.Code != 204 {
			t.Errorf("the last step of order %s: %d %s", id, answer.Code, answer.Body)
		}
	}
}

// undo makes sagas that are undone, because of a failure.
func (w *world) undo(t *testing.T, failure string) {
	t.Helper()
	w.sagas(func(id string) {
		for range 2 {
			if answer := w.step("POST", "/internal/orders/"+id+"/fail", failure); answer.Code != 204 {
				t.Errorf("the undo of order %s: %d %s", id, answer.Code, answer.Body)
			}
		}
	})
}

// price knows a mug and a pen.
func price(rw http.ResponseWriter, r *http.Request) {
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
			return
		}
		prices = append(prices, contract.Price{ID: id, Name: "A " + id, PriceCents: known[id], Currency: "EUR"})
	}
	_ = json.NewEncoder(rw).Encode(contract.ListOf(prices))
}

// started tells how often the saga of an order was started.
func (w *world) started(id string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.starts[id]
}
