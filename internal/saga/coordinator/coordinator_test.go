package coordinator

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/banyanrun/banyan/internal/saga/machine"
)

func TestThreeSteps(t *testing.T) {
	w := newWorld(t)
	s := kept(t, path(t))
	defer s.Close()
	r := run(t, Options{Store: s, Caller: w.caller(t)}, checkout(t))
	defer r.stop()
	id := r.started(t, "checkout", "k1", `{"amount":5}`).ID
	saga := r.until(t, id, machine.Succeeded)
	if got := w.done(); !slices.Equal(got, []string{"reserve/do", "charge/do", "ship/do"}) {
		t.Errorf("%v", got)
	}
	t.Log(r.show(t, id))
	if saga.By != "shop" || saga.State == nil || saga.Version != 4 {
		t.Errorf("%+v", saga)
	}
	again := r.started(t, "checkout", "k1", `{ "amount": 5 }`)
	if again.ID != id || again.New || again.Status != machine.Succeeded {
		t.Errorf("%+v", again)
	}
	if _, err := r.Start(t.Context(), "shop", "checkout", "k1", "", json.RawMessage(`{"amount":6}`)); !errors.Is(err, ErrKeyReused) {
		t.Errorf("%v", err)
	}
	if err := r.stop(); err == nil {
		t.Error("Run ended by itself")
	}
}
