package e2e

import (
	"database/sql"
	"fmt"
	"testing"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/banyanrun/banyan/e2e/ledger"
)

// sagaOracle judges sagas by what was noted by who started them, and by the books of
// the services.
type sagaOracle struct {
	app    eventsApp
	t      *testing.T
	scarce int // that there was of the things of which there are few
	needy  []sagaLine
	sagas  map[string]*sagaLine      // by id
	moved  map[effect]int            // how often
	left   map[string]map[string]int // by service and account
	net    map[string]map[string]int // the same, by entries: what went from it
}

// effect is what a request of a saga moved.
type effect struct{ saga, step, op string }

// look reads what has come of all.
func (o *sagaOracle) look() {
	o.t.Helper()
	o.sagas, o.moved = map[string]*sagaLine{}, map[effect]int{}
	o.left, o.net = map[string]map[string]int{}, map[string]map[string]int{}
	for _, s := range o.app.sagas("", 1_000_000) {
		o.sagas[s.ID] = &s
	}
	for _, service := range []string{"inventory", "payment", "shipping"} {
		if err := o.read(service); err != nil {
			o.t.Fatalf("the books of %s: %v", service, err)
		}
	}
}

func (o *sagaOracle) read(service string) error {
	path, err := o.app.database(service)
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer db.Close()
	o.left[service], o.net[service] = map[string]int{}, map[string]int{}
	if err := each(o.t, db, `SELECT name, n FROM account`, func(scan func(...any) error) error {
		var name string
		var n int
		err := scan(&name, &n)
		o.left[service][name] = n
		return err
	}); err != nil {
		return err
	}
	return each(o.t, db, `SELECT saga, step, op, name, n FROM entry`, func(scan func(...any) error) error {
		var e effect
		var name string
		var n int
		err := scan(&e.saga, &e.step, &e.op, &name, &n)
		o.moved[e]++
		if e.op == "undo" {
			n = -n
		}
		o.net[service][name] += n
		return err
	})
}

func each(t *testing.T, db *sql.DB, query string, row func(scan func(...any) error) error) error {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// started: each key has one saga, and there are no others but for those that were
// under way when who started them was stopped for good.
func (o *sagaOracle) started(t *testing.T) {
	keyOf, idOfKey := map[string]string{}, map[string]string{}
	sent := map[string]bool{}
	twice := 0
	for _, e := range o.app.publishedEntries() {
		switch {
		case e.Kind == ledger.Refused:
			t.Errorf("%s was refused: %s", idOf(e), e.Why)
		case e.Kind == ledger.Sent:
			for range e.Count {
				sent[idOf(e)] = true
				e.N++
			}
			continue
		case e.Kind != ledger.Kept:
			continue
		}
		if e.Duplicate {
			twice++
		}
		if was := idOfKey[idOf(e)]; was != "" && was != e.Saga {
			t.Errorf("%s started %s and %s", idOf(e), was, e.Saga)
		}
		if was := keyOf[e.Saga]; was != "" && was != idOf(e) {
			t.Errorf("%s and %s started %s", was, idOf(e), e.Saga)
		}
		idOfKey[idOf(e)], keyOf[e.Saga] = e.Saga, idOf(e)
		if o.sagas[e.Saga] == nil {
			t.Errorf("%s was acknowledged as %s, and there is no such saga", idOf(e), e.Saga)
		}
	}
	var untold []sagaLine
	for id, s := range o.sagas {
		if s.Parent == "" && keyOf[id] == "" {
			untold = append(untold, *s)
		}
	}
	if open := len(sent) - len(idOfKey); len(untold) > open {
		t.Errorf("%d starts were not answered, and nobody was told of %d sagas: %+v", open, len(untold), untold)
	}
	if len(keyOf) < 50 || twice == 0 {
		t.Errorf("%d sagas were started, %d of them twice: this run proves little", len(keyOf), twice)
	}
}

// ended: each saga is done or undone, and a part as its whole.
func (o *sagaOracle) ended(t *testing.T) {
	for _, s := range o.sagas {
		if !o.done(s) && !o.undone(s) {
			t.Errorf("it has not ended: %+v", *s)
		}
		if parent := o.sagas[s.Parent]; s.Parent != "" && (parent == nil || o.done(parent) && !o.done(s) || o.undone(parent) && !o.undone(s)) {
			t.Errorf("it is %+v, and its parent %+v", *s, parent)
		}
	}
}

func (o *sagaOracle) done(s *sagaLine) bool {
	return s.State == "succeeded"
}

func (o *sagaOracle) undone(s *sagaLine) bool {
	return s.State == "compensated"
}

// effects: a saga that is done has moved each thing once, one that is undone none or
// there and back.
func (o *sagaOracle) effects(t *testing.T) {
	known := map[effect]bool{}
	for id, s := range o.sagas {
		for step := range sagaSteps[s.Name] {
			do, undo := effect{id, step, "do"}, effect{id, step, "undo"}
			known[do], known[undo] = true, true
			switch did, undid := o.moved[do], o.moved[undo]; {
			case o.done(s) && (did != 1 || undid != 0):
				t.Errorf("saga %s (%s) is done, and %s was done %d times and undone %d", id, s.Name, step, did, undid)
			case o.undone(s) && (did > 1 || did != undid):
				t.Errorf("saga %s (%s) is undone, and %s was done %d times and undone %d", id, s.Name, step, did, undid)
			}
		}
	}
	for e := range o.moved {
		if !known[e] {
			t.Errorf("something was moved by %v, which is no step of a saga", e)
		}
	}
}

// books: what has gone from an account has come to another, and entries say the same.
func (o *sagaOracle) books(t *testing.T) {
	for service, left := range o.left {
		gone := 0
		for i := range 10 {
			name, start := fmt.Sprintf("from%d", i), 1_000_000
			if service == "inventory" && i >= 8 {
				start = o.scarce
			}
			if net := start - left[name]; net != o.net[service][name] {
				t.Errorf("%s: %d have gone from %s, and entries say %d", service, net, name, o.net[service][name])
			}
			gone += start - left[name]
		}
		if gone != left["to"] {
			t.Errorf("%s: %d have gone and %d have come", service, gone, left["to"])
		}
	}
}

func (o *sagaOracle) summary() string {
	count := map[string]int{}
	for _, s := range o.sagas {
		switch {
		case o.done(s):
			count["done"]++
		case o.undone(s):
			count["undone"]++
		}
		if s.Parent != "" {
			count["parts"]++
		}
	}
	undone := 0
	for e, n := range o.moved {
		if e.op == "undo" {
			undone += n
		}
	}
	return fmt.Sprintf("%d sagas (%d of them part of another): %d done, %d undone, %d needed a person; %d effects, %d of them undos",
		len(o.sagas), count["parts"], count["done"], count["undone"], len(o.needy), len(o.moved), undone)
}
