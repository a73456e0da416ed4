package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSagas(t *testing.T) {
	a := startSagas(t)
	t.Run("done", a.done)
	t.Run("refusals", a.refusals)
	t.Run("undone", a.undone)
	t.Run("retried", a.retried)
	t.Run("skipped", a.skipped)
	t.Run("an event", a.event)
	t.Run("a callback", a.callback)
	t.Run("sub-saga", a.sub)
	t.Run("the daemon is killed", a.killed)
	t.Run("removed from the file", a.removed)
	t.Run("damaged", a.damaged)
}

// PostgreSQL keeps sagas as the file does, by one more line.
func TestSagasInPostgres(t *testing.T) {
	p := newPostgresApp(t, postgresServer)
	server, err := os.ReadFile(filepath.Join(p.dir, "banyan.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	a := upSagas(t, p.app, sagasFile+string(server)+"saga_store: postgres\n")
	t.Run("done", a.done)
	t.Run("retried", a.retried)
	if full() { // the lease of the one that was killed takes its time
		t.Run("the daemon is killed", a.killed)
	}
	if _, err := os.Stat(filepath.Join(a.layout.StateDir, "saga.db")); err == nil {
		t.Error("there is a file, too")
	}
}

func (a sagasApp) done(t *testing.T) {
	id := a.start(t, sagaInput{Order: "1"})
	again := ask(t, http.MethodPost, a.url+"/checkout", json.RawMessage(`{"settled": false, "order": "1"}`), "Idempotency-Key", "1")
	if again.status != http.StatusOK || !strings.Contains(string(again.body), id) || again.header.Get("Location") != "/v1/sagas/"+id {
		t.Errorf("the same again: %s", again)
	}
	a.becomes(t, id, "succeeded")
	stock, bank := a.steps("stock", id), a.steps("bank", id)
	if len(stock) != 1 || len(bank) != 1 {
		t.Fatalf("stock got %v and bank got %v", stock, bank)
	}
	if want := (stepNote{id + "/reserve/do", "1", id, "banyan", "/reserve/1/step", `{"order":"1"}`}); stock[0] != want {
		t.Errorf("stock got %+v, want %+v", stock[0], want)
	}
	if want := fmt.Sprintf(`{"reserved":"%s/reserve/do"}`, id); bank[0].Body != want {
		t.Errorf("bank got %s, want %s", bank[0].Body, want)
	}
	stream := get(t, a.url+"/"+id+"/events")
	if !strings.Contains(string(stream.body), `"state":"succeeded"`) || stream.header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("the stream is %s", stream)
	}
	list := a.must("sagas", "--state", "succeeded", "--name", "checkout").out
	if !strings.Contains(list, id) || !strings.Contains(list, "front") {
		t.Errorf("the list is\n%s", list)
	}
	text := a.must("saga", "show", id).out
	for _, row := range []string{`reserve +done +1`, `settled +skipped`, `reserve +do +1 +POST stock /reserve/1/step +200 .* done .*"by":"stock"`} {
		if !regexp.MustCompile(row).MatchString(text) {
			t.Errorf("no %s in\n%s", row, text)
		}
	}
}

func (a sagasApp) refusals(t *testing.T) {
	post := func(path string, body any, header ...string) answer {
		return ask(t, http.MethodPost, a.url+path, body, header...)
	}
	post("/checkout", sagaInput{}, "Idempotency-Key", "").problem(t, http.StatusBadRequest, "key-missing")
	post("/checkout", sagaInput{Order: "2"}, "Idempotency-Key", "1").problem(t, http.StatusConflict, "key-reused")
	post("/checkout", map[string]int{"order": 1}, "Idempotency-Key", "x").problem(t, http.StatusUnprocessableEntity, "schema-mismatch")
	p := post("/chekout", sagaInput{}, "Idempotency-Key", "x").problem(t, http.StatusNotFound, "no-saga")
	if !strings.Contains(p.Detail, "checkout") {
		t.Errorf("no hint: %s", p.Detail)
	}
	ask(t, http.MethodGet, a.url+"/nobody", nil).problem(t, http.StatusNotFound, "no-saga")
	id := a.start(t, sagaInput{Order: "refused"})
	a.becomes(t, id, "succeeded")
	for _, action := range []string{"cancel", "retry", "skip", "compensate"} {
		post("/"+id+":"+action, nil).problem(t, http.StatusConflict, "saga-state")
		if r := a.banyan("saga", action, id); r.code != 1 || !strings.Contains(r.err, "succeeded") {
			t.Errorf("%s", r)
		}
	}
	if r := a.banyan("saga", "show", "nobody"); r.code != 1 || !strings.Contains(r.err, "there is no saga") {
		t.Errorf("%s", r)
	}
	if r := a.banyan("saga", "start", "chekout"); r.code != 1 || !strings.Contains(r.err, "did you mean checkout") {
		t.Errorf("%s", r)
	}
	if r := a.banyan("saga", "start", "checkout", "--input", `{"order": 7}`); r.code != 2 || !strings.Contains(r.err, "/order") {
		t.Errorf("%s", r)
	}
}

// The bank says no: what was done before is undone, and what the bank was asked for,
// in case that a copy of it is still on its way; and nothing else.
func (a sagasApp) undone(t *testing.T) {
	a.mood("bank", "abort")
	id := a.start(t, sagaInput{Order: "undone"})
	a.becomes(t, id, "compensated")
	a.mood("bank", "")
	if got, want := keys(a.steps("stock", id)), []string{"reserve/do", "reserve/undo"}; !slices.Equal(got, want) {
		t.Errorf("stock got %q, want %q", got, want)
	}
	bank := a.steps("bank", id)
	if got, want := keys(bank), []string{"charge/do", "charge/undo"}; !slices.Equal(got, want) || bank[1].Body != `{"charged":null}` {
		t.Errorf("bank got %+v, want %q", bank, want)
	}
	if got := a.steps("front", id); len(got) > 0 {
		t.Errorf("front got %+v", got)
	}
	if s, want := a.show(t, id), "the step charge was refused: not with us"; s.Reason != want {
		t.Errorf("the reason is %q, want %q", s.Reason, want)
	}
	text := a.must("saga", "show", id).out
	for _, row := range []string{`charge +undone +1`, `charge +do +1 +POST bank /charge/step +409 .* aborted +"not with us`, `charge +undo +1 +POST bank /refund/step +404`} {
		if !regexp.MustCompile(row).MatchString(text) {
			t.Errorf("no %s in\n%s", row, text)
		}
	}
}

// A mistake needs a person, who mends it and goes on.
func (a sagasApp) retried(t *testing.T) {
	a.mood("bank", "refuse")
	id := a.start(t, sagaInput{Order: "retried"})
	a.becomes(t, id, "needs_attention")
	if list := a.must("sagas", "--state", "needs-attention").out; !strings.Contains(list, id) || !strings.Contains(list, "422") {
		t.Errorf("the list is\n%s", list)
	}
	if ps := a.must("ps").out; !strings.Contains(ps, "a saga needs attention") {
		t.Errorf("ps does not say so:\n%s", ps)
	}
	if text := a.must("saga", "show", id).out; !strings.Contains(text, "banyan saga retry "+id) {
		t.Errorf("what to do is not said:\n%s", text)
	}
	a.mood("bank", "")
	if r := a.must("saga", "retry", id); !strings.Contains(r.out, "checkout "+id+" is running") {
		t.Errorf("%s", r)
	}
	a.becomes(t, id, "succeeded")
}

func (a sagasApp) skipped(t *testing.T) {
	a.mood("bank", "refuse")
	id := a.start(t, sagaInput{Order: "skipped"})
	a.becomes(t, id, "needs_attention")
	if r := a.banyan("saga", "skip", id, "--step", "reserve"); r.code != 1 || !strings.Contains(r.err, "reserve") {
		t.Errorf("%s", r)
	}
	a.must("saga", "skip", id, "--step", "charge")
	a.mood("bank", "")
	a.becomes(t, id, "succeeded")
}

func (a sagasApp) event(t *testing.T) {
	id := a.start(t, sagaInput{Order: "waiting", Settled: true})
	await(t, 30*time.Second, "the saga to wait", func() error {
		if s := a.show(t, id); len(s.Steps) != 4 || s.Steps[2].Phase != "waiting" {
			return fmt.Errorf("it is %+v", s)
		}
		return nil
	})
	a.must("events", "publish", "payment.settled", "--subject", "another")
	a.must("events", "publish", "payment.settled", "--subject", "waiting", "--data", `{"amount": 7}`)
	a.becomes(t, id, "succeeded")
	if s := a.show(t, id); string(s.Steps[2].Output) != `{"amount":7}` && string(s.Steps[2].Output) != `{"amount": 7}` {
		t.Errorf("the event's data is %s", s.Steps[2].Output)
	}
}

// A service answers 202 and posts the result when it has it; nobody else can.
func (a sagasApp) callback(t *testing.T) {
	a.mood("bank", "later")
	id := a.start(t, sagaInput{Order: "later"})
	await(t, 30*time.Second, "the step to be pending", func() error {
		if s := a.show(t, id); len(s.Steps) != 4 || s.Steps[1].Phase != "pending" {
			return fmt.Errorf("it is %+v", s)
		}
		return nil
	})
	ask(t, http.MethodPost, a.url+"/"+id+"/steps/charge", nil).problem(t, http.StatusForbidden, "saga-refused")
	bank := string(get(t, a.app.url("/bank/env?name=BANYAN_URL")).body) + "/v1/sagas/" + id + "/steps/charge"
	if res := ask(t, http.MethodPost, bank, "paid", "Idempotency-Key", id+"/charge/do"); res.status != http.StatusNoContent {
		t.Fatalf("the result is refused: %s", res)
	}
	a.mood("bank", "")
	a.becomes(t, id, "succeeded")
	if s := a.show(t, id); string(s.Steps[1].Output) != `"paid"` {
		t.Errorf("the output is %s", s.Steps[1].Output)
	}
	ask(t, http.MethodPost, bank, "paid twice").problem(t, http.StatusGone, "saga-ended")
}

func (a sagasApp) sub(t *testing.T) {
	out := a.must("saga", "start", "gift", "--input", `{"order": "gift"}`, "--key", "g").out
	var id string
	if n, err := fmt.Sscanf(out, "gift %s is started", &id); n != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	if again := a.must("saga", "start", "gift", "--input", `{"order": "gift"}`, "--key", "g").out; !strings.Contains(again, id+" was started before") {
		t.Errorf("the same again: %s", again)
	}
	await(t, 30*time.Second, "the saga to succeed", func() error {
		if s := a.show(t, id); s.State != "succeeded" {
			return fmt.Errorf("it is %+v", s)
		}
		return nil
	})
}

// The daemon is killed while a call is under way: the next one repeats the call
// with the same key, and goes on.
func (a sagasApp) killed(t *testing.T) {
	a.mood("bank", "hold")
	id := a.start(t, sagaInput{Order: "killed"})
	await(t, 30*time.Second, "the call of the bank", func() error {
		if len(a.steps("bank", id)) == 0 {
			return errors.New("there is none")
		}
		return nil
	})
	daemon := int(a.settled(30 * time.Second).GetDaemon().GetPid())
	kill(t, daemon)
	dead(t, daemon)
	a.mood("bank", "")
	a.becomes(t, id, "succeeded")
	if got := keys(a.steps("bank", id)); len(got) < 2 || len(slices.Compact(got)) != 1 || got[0] != "charge/do" {
		t.Errorf("bank got %q, want the same key more than once", got)
	}
	if got := keys(a.steps("stock", id)); !slices.Equal(got, []string{"reserve/do"}) {
		t.Errorf("stock got %q: its answer was stored", got)
	}
}

// A saga that is under way goes on by its definition when the file has it no more.
func (a sagasApp) removed(t *testing.T) {
	a.mood("bank", "hold")
	id := a.start(t, sagaInput{Order: "removed"})
	file, err := os.ReadFile(filepath.Join(a.dir, "banyan.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(string(file), "sagas:\n")
	a.write("banyan.yaml", before)
	a.up()
	a.mood("bank", "")
	await(t, 30*time.Second, "the saga to succeed", func() error {
		if s := a.show(t, id); s.State != "succeeded" {
			return fmt.Errorf("it is %+v", s)
		}
		return nil
	})
	ask(t, http.MethodPost, a.url+"/checkout", sagaInput{Order: "new"}, "Idempotency-Key", "new").problem(t, http.StatusNotFound, "no-saga")
	a.write("banyan.yaml", string(file))
	a.up()
}

// A store that is damaged stops sagas and nothing else, and says so.
func (a sagasApp) damaged(t *testing.T) {
	daemon := a.pid("daemon")
	a.must("down")
	dead(t, daemon) // it writes the file once more as it ends
	path := filepath.Join(a.layout.StateDir, "saga.db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("damage "), 2000), 0o600); err != nil {
		t.Fatal(err)
	}
	r := a.must("up", "-d")
	if !strings.Contains(r.out+r.err, "sagas are stopped") {
		t.Errorf("no warning: %s", r)
	}
	url := a.banyanURL() + "/v1/sagas"
	ask(t, http.MethodPost, url+"/checkout", sagaInput{Order: "9"}, "Idempotency-Key", "9").problem(t, http.StatusServiceUnavailable, "sagas-stopped")
	if r := a.banyan("sagas"); r.code != 1 || !strings.Contains(r.err, "saga.db") {
		t.Errorf("%s", r)
	}
}
