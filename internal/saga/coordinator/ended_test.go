package coordinator

import (
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/banyanrun/banyan/internal/saga/machine"
)

// ends keeps what it is told of.
type ends struct {
	mu  sync.Mutex
	all []Ended
}

func (e *ends) add(one Ended) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, one)
}

func (e *ends) of(name string) (some []Ended) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, one := range e.all {
		if one.Name == name {
			some = append(some, one)
		}
	}
	return some
}

// TestEnded: the end of a saga is told once, also of one that began in another term.
func TestEnded(t *testing.T) {
	w := newWorld(t)
	asked, more := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.answer = func(out http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/charge" {
			once.Do(func() { close(asked) })
			select {
			case <-more:
			case <-r.Context().Done(): // the coordinator ends
				return true
			}
		}
		return refusal("/ship")(out, r)
	}
	s := kept(t, path(t))
	defer s.Close()
	var e ends
	options := Options{Store: s, Caller: w.caller(t), Ended: e.add}
	r := run(t, options, checkout(t))
	id := r.started(t, "checkout", "k", `{"amount":1}`).ID
	<-asked
	_ = r.stop()
	if len(e.all) > 0 {
		t.Errorf("%+v", e.all)
	}
	close(more)
	r = run(t, options, checkout(t))
	saga := r.until(t, id, machine.Compensated)
	_ = r.stop()
	_ = run(t, options, checkout(t)).stop()
	if len(e.all) != 1 {
		t.Fatalf("%+v", e.all)
	}
	span := SpanID(id)
	got := e.all[0]
	if got.ID != id || got.Name != "checkout" || got.By != "shop" || got.Status != machine.Compensated || got.Reason != saga.State.Reason || got.Reopened ||
		!got.Began.Equal(saga.Created) || !got.At.Equal(saga.State.Ended) || !strings.HasSuffix(got.Trace, "-"+hex.EncodeToString(span[:])+"-01") {
		t.Errorf("%+v of %+v", got, saga)
	}
}

// TestEndedAgain: a sub-saga that its parent has undone ends twice.
func TestEndedAgain(t *testing.T) {
	child := define(t, "wrap", `{"steps": [`+step("paper", "gifts")+`]}`)
	parent := define(t, "gift", `{"steps": [{"name": "wrapped", "saga": "wrap"}, `+step("ship", "shipping")+`]}`)
	w := newWorld(t)
	w.answer = refusal("/ship")
	s := kept(t, path(t))
	defer s.Close()
	var e ends
	r := run(t, Options{Store: s, Caller: w.caller(t), Ended: e.add}, parent, child)
	defer r.stop()
	id := r.started(t, "gift", "k", `{"amount":1}`).ID
	r.until(t, id, machine.Compensated)
	all := e.of("wrap")
	if len(all) != 2 || len(e.of("gift")) != 1 {
		t.Fatalf("%+v", e.all)
	}
	first, again := all[0], all[1]
	if first.Status != machine.Succeeded || first.Reopened || first.Parent != id || first.Trace != e.of("gift")[0].Trace {
		t.Errorf("%+v", first)
	}
	if again.Status != machine.Compensated || !again.Reopened || again.ID != first.ID || again.Began.Before(first.At) || again.At.Before(again.Began) {
		t.Errorf("%+v behind %+v", again, first)
	}
}
