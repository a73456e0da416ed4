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

// TestTheSameInput: JSON that says the same is the same.
func TestTheSameInput(t *testing.T) {
	digest := func(input string) string { return asked(request{name: "checkout", input: json.RawMessage(input)}) }
	const input = `{"order": "1", "lines": [{"sku": "é", "n": 10}, null]}`
	for _, same := range []string{input, `{"lines":[{"n":10,"sku":"\u00e9"},null],"order":"1"}` + "\n"} {
		if digest(same) != digest(input) {
			t.Errorf("%s is another", same)
		}
	}
	for _, other := range []string{
		``, `null`, `{}`, `[]`,
		`{"order": 1, "lines": [{"sku": "é", "n": 10}, null]}`,
		`{"order": "1", "lines": [null, {"sku": "é", "n": 10}]}`,
		`{"order": "1", "lines": [{"sku": "é", "n": 9007199254740993}, null]}`,
		`{"order": "1", "lines": [{"sku": "é", "n": 9007199254740992}, null]}`,
	} {
		if digest(other) == digest(input) {
			t.Errorf("%s is the same", other)
		}
	}
	if digest(`9007199254740993`) == digest(`9007199254740992`) {
		t.Error("large numbers are the same")
	}
}
