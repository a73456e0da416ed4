package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/e2e/ledger"
)

// eventsOracle judges events by what publishers and subscribers noted.
type eventsOracle struct {
	entries  []ledger.Entry            // of publishers
	sent     map[string]bool           // by id, what may be stored
	sequence map[string]int            // of each event that is acknowledged or stored, by id
	acked    map[string]bool           // those that are acknowledged
	count    map[string]int            // of a lane's events with a sequence: 0 to count-1
	stored   []storedEvent             // what the topic has
	got      map[string][]ledger.Entry // by service
	dead     map[string]deadLetter     // by service and id
}

// idOf is the id of an event.
func idOf(e ledger.Entry) string { return e.Lane + ":" + strconv.Itoa(e.N) }

// look reads what was published.
func (a eventsApp) look(t *testing.T) *eventsOracle {
	t.Helper()
	o := &eventsOracle{entries: a.publishedEntries(), sent: map[string]bool{}, sequence: map[string]int{}, acked: map[string]bool{}, count: map[string]int{}}
	for _, e := range o.entries {
		switch e.Kind {
		case ledger.Sent:
			for range e.Count {
				o.sent[idOf(e)] = true
				e.N++
			}
		case ledger.Kept:
			o.acked[idOf(e)] = true
			if e.Sequence != "" { // an outbox knows none
				o.counts(t, e.Lane, e.N, e.Sequence)
			}
		}
	}
	if len(o.acked) < 100 {
		t.Fatalf("only %d events were acknowledged", len(o.acked))
	}
	return o
}

func (o *eventsOracle) counts(t *testing.T, lane string, n int, sequence string) {
	t.Helper()
	o.sequence[lane+":"+strconv.Itoa(n)] = number(t, sequence)
	o.count[lane] = max(o.count[lane], n+1)
}

// reread reads what has come of it.
func (o *eventsOracle) reread(a eventsApp) {
	a.t.Helper()
	o.stored, o.got, o.dead = a.stored(eventsTopic), map[string][]ledger.Entry{}, map[string]deadLetter{}
	for _, e := range o.stored {
		// What was under way when its publisher was stopped for good may be there, too.
		if lane, n, ok := strings.Cut(e.Event.ID, ":"); ok && o.sent[e.Event.ID] && o.sequence[e.Event.ID] == 0 {
			o.counts(a.t, lane, number(a.t, n), e.Sequence)
		}
	}
	books, err := filepath.Glob(filepath.Join(a.ledger, "*.got"))
	if err != nil {
		a.t.Fatal(err)
	}
	for _, path := range books {
		entries, err := ledger.Read(path)
		if err != nil {
			a.t.Fatal(err)
		}
		o.got[strings.TrimSuffix(filepath.Base(path), ".got")] = entries
	}
	for _, d := range a.deadLetters(eventsTopic) {
		o.dead[d.Service+" "+d.Event.ID] = d
	}
}

// published: each event has one sequence, those of a lane grow, no two share one, and
// the topic has each event that was acknowledged once, and no others but unanswered ones.
func (o *eventsOracle) published(t *testing.T) {
	retried := 0
	for _, e := range o.entries {
		switch {
		case e.Kind == ledger.Refused:
			t.Errorf("%s was refused: %s", idOf(e), e.Why)
		case e.Kind == ledger.Kept && e.Sequence != "" && number(t, e.Sequence) != o.sequence[idOf(e)]:
			t.Errorf("%s has sequences %s and %d", idOf(e), e.Sequence, o.sequence[idOf(e)])
		case e.Kind == ledger.Kept && e.Duplicate:
			retried++
		}
	}
	if retried == 0 {
		t.Error("nothing was sent twice: this run proves little")
	}
	times := map[string]int{}
	for n, e := range o.stored {
		times[e.Event.ID]++
		if want, ok := o.sequence[e.Event.ID]; !ok || want != number(t, e.Sequence) || want != n+1 {
			t.Errorf("event %d of the topic is %+v; it was sent: %t, with sequence %d", n+1, e, ok, want)
		}
	}
	for id := range o.sequence {
		if times[id] > 1 {
			t.Errorf("%s is %d times in the topic", id, times[id])
		}
	}
	for _, id := range o.lost() {
		t.Errorf("%s was acknowledged and is not in the topic", id)
	}
	for lane, count := range o.count {
		for n := 1; n < count; n++ {
			if before, after := o.sequence[lane+":"+strconv.Itoa(n-1)], o.sequence[lane+":"+strconv.Itoa(n)]; before >= after {
				t.Errorf("lane %s: event %d has sequence %d, event %d has %d", lane, n-1, before, n, after)
			}
		}
	}
}

// lost returns what was acknowledged and is not in the topic.
func (o *eventsOracle) lost() []string {
	missing := maps.Clone(o.acked)
	for _, e := range o.stored {
		delete(missing, e.Event.ID)
	}
	return slices.Sorted(maps.Keys(missing))
}

// delivered: a subscriber took each event or it is a dead letter, got the first of
// each lane before any of the next, and saw one Banyan-Delivery of each.
func (o *eventsOracle) delivered(t *testing.T, service string) {
	t.Helper()
	taken := map[string]bool{}
	next := map[string]int{}        // by lane: what must come first
	delivery := map[string]string{} // by id
	wrong := 0
	fail := func(format string, args ...any) {
		if wrong++; wrong <= 20 {
			t.Errorf(format, args...)
		}
	}
	// Dead letters whose attempts were all lost to a process that died are in no ledger.
	unseen := map[string]bool{}
	for key := range o.dead {
		if id, ok := strings.CutPrefix(key, service+" "); ok {
			unseen[id] = true
		}
	}
	for _, e := range o.got[service] {
		delete(unseen, idOf(e))
	}
	over := func(lane string, n int) bool { // the next may come
		id := lane + ":" + strconv.Itoa(n)
		_, dead := o.dead[service+" "+id]
		return taken[id] || dead
	}
	for i, e := range o.got[service] {
		id := idOf(e)
		if o.sequence[id] != number(t, e.Sequence) {
			fail("%s came with sequence %s and has %d", id, e.Sequence, o.sequence[id])
		}
		if d := delivery[id]; d != "" && d != e.Delivery {
			fail("%s came as delivery %s and %s", id, d, e.Delivery)
		}
		delivery[id] = e.Delivery
		for unseen[e.Lane+":"+strconv.Itoa(next[e.Lane])] {
			next[e.Lane]++
		}
		switch want := next[e.Lane]; {
		case e.N > want, e.N == want && want > 0 && !over(e.Lane, want-1):
			fail("delivery %d: %s came before the one before it was taken: %+v", i, id, e)
		case e.N == want:
			next[e.Lane]++
		}
		if e.Status == http.StatusNoContent {
			taken[id] = true
		}
	}
	for lane, count := range o.count {
		for n := range count {
			if !over(lane, n) {
				fail("%s:%d has sequence %d and was not delivered", lane, n, o.sequence[lane+":"+strconv.Itoa(n)])
			}
		}
	}
	figure(t, "%d deliveries of %d events", len(o.got[service]), len(taken))
}

// deadLetters: they are what picky refused, as often as it may, with its last words.
func (o *eventsOracle) deadLetters(t *testing.T, a eventsApp) int {
	t.Helper()
	attempts := map[string]int{}
	for _, e := range o.got["picky"] {
		if e.Status == http.StatusUnprocessableEntity {
			attempts[idOf(e)]++
		}
	}
	for id := range attempts {
		if _, ok := o.dead["picky "+id]; !ok {
			t.Errorf("%s was refused by picky and is no dead letter", id)
		}
	}
	for _, d := range o.dead {
		switch {
		case d.Service != "picky", d.Attempts != attemptsOfPicky:
			t.Errorf("%+v is a dead letter", d)
		case attempts[d.Event.ID] == 0: // it lost each attempt to a process that died
			t.Logf("picky was not asked for %+v", d)
		case d.Status == http.StatusUnprocessableEntity && strings.TrimSpace(d.Response) != "no taste for "+d.Event.ID, d.Error == "":
			t.Errorf("the last words are missing: %+v", d)
		}
	}
	if len(attempts) == 0 {
		t.Error("picky refused nothing: this run proves little")
	}
	return len(o.dead)
}

// redrive: subscribers take dead letters now, each once more, and none is left.
func (o *eventsOracle) redrive(t *testing.T, a eventsApp, dead int) {
	t.Helper()
	if r := a.must("events", "redrive", eventsTopic); !strings.Contains(r.out, fmt.Sprintf("delivered: %d\n", dead)) {
		t.Errorf("want %d delivered: %s", dead, r)
	}
	if left := a.deadLetters(eventsTopic); len(left) > 0 {
		t.Errorf("dead letters are left: %+v", left)
	}
	before := o.dead
	had := len(o.got["picky"])
	o.reread(a)
	o.again(t, "picky", o.got["picky"][had:], func(id string) bool { _, ok := before["picky "+id]; return ok }, false)
}

// replay: a part of the topic comes to a subscriber again, marked as such.
func (o *eventsOracle) replay(t *testing.T, a eventsApp) {
	t.Helper()
	from, until := len(o.stored)/3, len(o.stored)/2
	had := len(o.got["stock"])
	r := a.must("events", "replay", eventsTopic, "--to", "stock", "--from", strconv.Itoa(from), "--until", strconv.Itoa(until))
	if !strings.Contains(r.out, fmt.Sprintf("delivered: %d\n", until-from+1)) {
		t.Errorf("want %d delivered: %s", until-from+1, r)
	}
	o.reread(a)
	o.again(t, "stock", o.got["stock"][had:], func(id string) bool { n := o.sequence[id]; return from <= n && n <= until }, true)
}

// again: of what came to a service once more, each event is one that was wanted, and
// all of them came.
func (o *eventsOracle) again(t *testing.T, service string, entries []ledger.Entry, wanted func(id string) bool, replay bool) {
	t.Helper()
	first := map[string]string{}
	for _, e := range o.got[service] {
		if first[idOf(e)] == "" {
			first[idOf(e)] = e.Delivery
		}
	}
	came := map[string]bool{}
	for _, e := range entries {
		id := idOf(e)
		came[id] = true
		if !wanted(id) || e.Replay != "" != replay || e.Delivery != first[id] {
			t.Errorf("it came, and should not or not so: %+v", e)
		}
	}
	for id := range o.sequence {
		if wanted(id) && !came[id] {
			t.Errorf("%s did not come", id)
		}
	}
}
