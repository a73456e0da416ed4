package main

import (
	"sync"
	"testing"
	"time"

	"example.com/shop/contract"
)

// What the platform says of a saga that failed, and what the customer hears.
func TestFailures(t *testing.T) {
	for name, test := range map[string]struct {
		failure, code, order string
		status               int
	}{
		"out of stock": {
			`{"step": "reserve", "kind": "aborted", "status": 409, "body": {"code": "out-of-stock", "detail": "No mug.", "products": ["mug"]}}`,
			"out-of-stock", "rejected", 409,
		},
		"declined":          {`{"step": "charge", "kind": "aborted", "status": 409, "body": {"code": "declined"}}`, "declined", "rejected", 402},
		"payment is away":   {`{"step": "charge", "kind": "unknown"}`, "payment-unavailable", "failed", 503},
		"shipping breaks":   {`{"step": "ship", "kind": "unknown", "status": 500, "body": "oops"}`, "shipping-unavailable", "failed", 503},
		"it took too long":  {`{"kind": "timeout"}`, "checkout-unavailable", "failed", 503},
		"an unknown answer": {`{"step": "ship", "kind": "aborted", "body": {"code": "whatever"}}`, "shipping-unavailable", "failed", 503},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			s.undo(t, test.failure)
			answer := s.place("k1", twoMugs)
			problem := refused(t, answer, test.status, test.code)
			if (answer.Header().Get("Retry-After") != "") != (test.status == 503) {
				t.Fatalf("Retry-After is %q", answer.Header().Get("Retry-After"))
			}
			o := s.expectLatest(t, test.order, test.code)
			if problem.Instance != "/api/orders/"+o.ID || (len(problem.Products) > 0) != (test.status == 409) {
				t.Fatalf("the problem is %+v", problem)
			}
			s.expectTold(t, o.ID, contract.TopicOrderPlaced, contract.TopicOrderFailed)
		})
	}
}

func TestCatalogFailures(t *testing.T) {
	for _, how := range []string{breaks, hangsUp, garbage} {
		t.Run(how, func(t *testing.T) {
			s := open(t)
			s.set("prices", how)
			refused(t, s.place("k1", twoMugs), 503, "catalog-unavailable")
			s.set("prices", "")
			decode[contract.Order](t, s.place("k1", twoMugs), 201)
		})
	}
}

// A saga that could not be started, or whose start was not answered, is started later, and once.
func TestStartIsMadeUpFor(t *testing.T) {
	for _, how := range []string{breaks, breaksAfter, hangsUp, hangsUpDone} {
		t.Run(how, func(t *testing.T) {
			s := open(t)
			s.set("start", how)
			s.waiters.most = 0
			s.place("k1", twoMugs)
			s.starter.all.Wait()
			id := s.latest(t).ID
			s.set("start", "")
			s = s.restart(t)
			s.starter.every = 0
			for range 2 {
				s.starter.round(t.Context())
			}
			s.later.Wait()
			s.expectLatest(t, "confirmed", "")
			s.expectTold(t, id, contract.TopicOrderPlaced, contract.TopicOrderConfirmed)
			if n := s.world.started(id); n > 2 {
				t.Fatalf("started %d times", n)
			}
		})
	}
}

// A slow saga is answered by 202 after a while, and so is all that comes when very many wait.
func TestPending(t *testing.T) {
	s := open(t)
	goOn := make(chan struct{})
	s.sagas(func(id string) { <-goOn; s.succeed(t, id) })
	s.waiters.most = time.Millisecond
	answer := s.place("k1", twoMugs)
	o := decode[contract.Order](t, answer, 202)
	if o.Status != "pending" || answer.Header().Get("Location") != "/api/orders/"+o.ID {
		t.Fatalf("answered %+v, %v", o, answer.Header())
	}

	s.waiters.most = time.Hour
	s.waiters.n = maxWaiting
	decode[contract.Order](t, s.place("k2", twoMugs), 202)
	s.waiters.n = 0

	close(goOn)
	s.later.Wait()
	if again := decode[contract.Order](t, s.place("k1", twoMugs), 201); again.ID != o.ID || again.Status != "confirmed" {
		t.Fatalf("asked again it is %+v", again)
	}
	if s.waiters.n != 0 || len(s.waiters.of) != 0 {
		t.Fatalf("%d wait, for %v", s.waiters.n, s.waiters.of)
	}
}

func TestSameRequestManyTimesAtOnce(t *testing.T) {
	s := open(t)
	s.waiters.poll = time.Hour // all are told
	goOn := make(chan struct{})
	s.sagas(func(id string) { <-goOn; s.succeed(t, id) })
	var requests sync.WaitGroup
	ids := make([]string, 8)
	for n := range ids {
		requests.Go(func() { ids[n] = decode[contract.Order](t, s.place("k1", twoMugs), 201).ID })
	}
	close(goOn)
	requests.Wait()
	for _, id := range ids {
		if id != ids[0] || s.world.started(id) != 1 {
			t.Fatalf("the orders are %v", ids)
		}
	}
}

// Another replica is told of the end: a request here finds it by looking.
func TestEndByAnotherReplica(t *testing.T) {
	s := open(t)
	s.waiters.poll = time.Millisecond
	other := openIn(t, s.world, s.path)
	s.sagas(func(id string) { s.succeed(t, id) }) // s.world calls the replica that was opened last
	if other.waiters.n != 0 {
		t.Fatal("the other replica waits")
	}
	decode[contract.Order](t, s.place("k1", twoMugs), 201)
}

func TestStepsOfNoOrder(t *testing.T) {
	s := open(t)
	for _, answer := range []int{
		s.step("GET", "/internal/orders/none", "").Code,
		s.step("POST", "/internal/orders/none/confirm", "{}").Code,
		s.step("POST", "/internal/orders/none/fail", "{}").Code,
	} {
		if answer != 404 {
			t.Fatalf("answered %d, want 404", answer)
		}
	}
}
