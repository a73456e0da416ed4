package main

import (
	"strings"
	"sync"
	"testing"

	"example.com/shop/contract"
)

func TestReplayGivesTheSameAnswer(t *testing.T) {
	s := open(t)
	first := s.place("k1", twoMugs)
	again := s.place("k1", strings.ReplaceAll(twoMugs, " ", "")) // the same, written otherwise
	if again.Code != 201 || again.Body.String() != first.Body.String() || again.Header().Get("Idempotency-Replayed") != "true" {
		t.Fatalf("answered %d %s, then %d %s", first.Code, first.Body, again.Code, again.Body)
	}
	if first.Header().Get("Idempotency-Replayed") != "" {
		t.Fatal("the first answer says that it is replayed")
	}
	if len(s.left("")) != len(whole) {
		t.Fatalf("it was done twice: %v", s.left(""))
	}
}

func TestReplayOutlivesARestart(t *testing.T) {
	s := open(t)
	first := s.place("k1", twoMugs)
	if again := s.restart(t).place("k1", twoMugs); again.Code != 201 || again.Body.String() != first.Body.String() {
		t.Fatalf("answered %s, then %d %s", first.Body, again.Code, again.Body)
	}
}

func TestReplayOfARejection(t *testing.T) {
	s := open(t)
	s.set("charge", refuses)
	first := s.place("k1", twoMugs)
	s.mend()
	again := s.place("k1", twoMugs)
	refused(t, again, 402, "declined")
	if again.Body.String() != first.Body.String() || again.Header().Get("Idempotency-Replayed") != "true" {
		t.Fatalf("answered %s, then %s", first.Body, again.Body)
	}
	decode[contract.Order](t, s.place("k2", twoMugs), 201)
}

func TestKeyForAnotherOrder(t *testing.T) {
	s := open(t)
	decode[contract.Order](t, s.place("k1", twoMugs), 201)
	refused(t, s.place("k1", strings.Replace(twoMugs, "2", "3", 1)), 422, "idempotency-key-reused")
}

func TestKeysAreEachUsersOwn(t *testing.T) {
	s := open(t)
	ada := decode[contract.Order](t, s.place("k1", twoMugs), 201)
	bob := decode[contract.Order](t, s.send("POST", "/api/orders", twoMugs, "X-User-Id", "bob", "Idempotency-Key", "k1"), 201)
	if ada.ID == bob.ID {
		t.Fatal("Bob got Ada's order")
	}
}

// A 503 asks to try again, so the key then does a new order; the failed one stays as it was.
func TestKeyOfAFailedOrderDoesANewOne(t *testing.T) {
	s := open(t)
	s.set("ship", breaks)
	refused(t, s.place("k1", twoMugs), 503, "shipping-unavailable")
	failed := s.latest(t)
	s.mend()
	again := s.place("k1", twoMugs)
	o := decode[contract.Order](t, again, 201)
	if o.ID == failed.ID || again.Header().Get("Idempotency-Replayed") != "" {
		t.Fatalf("%s is not a new order", o.ID)
	}
	s.expectLeft(t, o.ID, whole)
	s.expectLeft(t, failed.ID, nil)
	if replayed := decode[contract.Order](t, s.place("k1", twoMugs), 201); replayed.ID != o.ID {
		t.Fatalf("then it is %s, want %s", replayed.ID, o.ID)
	}
}

func TestSameRequestWhileTheFirstIsWorkedOn(t *testing.T) {
	s := open(t)
	reached, goOn := make(chan struct{}), make(chan struct{})
	s.vary("charge", func() fault { close(reached); <-goOn; return "" })
	var first sync.WaitGroup
	first.Go(func() { decode[contract.Order](t, s.place("k1", twoMugs), 201) })
	<-reached
	second := s.place("k1", twoMugs)
	close(goOn)
	refused(t, second, 409, "order-in-progress")
	if second.Header().Get("Retry-After") == "" {
		t.Fatal("no Retry-After")
	}
	first.Wait()
	decode[contract.Order](t, s.place("k1", twoMugs), 201)
}

func TestSameRequestManyTimesAtOnce(t *testing.T) {
	s := open(t)
	var requests sync.WaitGroup
	for range 8 {
		requests.Go(func() {
			if answer := s.place("k1", twoMugs); answer.Code != 201 && answer.Code != 409 {
				t.Errorf("answered %d %s", answer.Code, answer.Body)
			}
		})
	}
	requests.Wait()
	s.expectLeft(t, "", whole)
}
