package main

import (
	"strings"
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
	if len(s.starts) != 1 {
		t.Fatalf("it was done twice: %v", s.starts)
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
	s.undo(t, `{"step": "charge", "body": {"code": "declined"}}`)
	first := s.place("k1", twoMugs)
	s.sagas(func(id string) { s.succeed(t, id) })
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
	s.undo(t, `{"step": "ship"}`)
	refused(t, s.place("k1", twoMugs), 503, "shipping-unavailable")
	failed := s.latest(t)
	s.sagas(func(id string) { s.succeed(t, id) })
	again := s.place("k1", twoMugs)
	o := decode[contract.Order](t, again, 201)
	if o.ID == failed.ID || again.Header().Get("Idempotency-Replayed") != "" {
		t.Fatalf("%s is not a new order", o.ID)
	}
	if replayed := decode[contract.Order](t, s.place("k1", twoMugs), 201); replayed.ID != o.ID {
		t.Fatalf("then it is %s, want %s", replayed.ID, o.ID)
	}
}
