package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// sagasFile is an app with a saga of calls, a wait and a pivot, and one that runs it.
const sagasFile = `
name: sagas
gateway: {listen: ":${port}", routes: [{path: /front, to: front}, {path: /bank, to: bank}]}
services:
	front:
		command: ${testapp}
		readiness: {http: /healthz}
		publishes: [payment.settled]
		environment: {LEDGER: "=ledger="}
	stock: {command: "${testapp}", readiness: {http: /healthz}, environment: {LEDGER: "=ledger="}}
	bank: {command: "${testapp}", readiness: {http: /healthz}, environment: {LEDGER: "=ledger="}}
	other: {command: "${testapp}", readiness: {http: /healthz}, environment: {LEDGER: "=ledger="}}
sagas:
	checkout:
		started_by: [front]
		input: checkout.json
		steps:
			- name: reserve
			  call: {service: stock, path: "/reserve/{input.order}/step", body: "{'order': input.order}"}
			  undo: {path: /release/step}
			- name: charge
			  call: {service: bank, path: /charge/step, body: "{'reserved': reserve.key}"}
			  undo: {path: /refund/step, body: "{'charged': charge}"}
			  retry: {first: 10ms, most: 100ms}
			- name: settled
			  when: input.settled
			  wait: {topic: payment.settled, where: "event.subject == input.order", deadline: 60s}
			- name: confirm
			  call: {service: front, path: /confirm/step}
			  pivot: true
	gift:
		steps:
			- {name: buy, saga: checkout, input: "{'order': input.order, 'settled': false}", pivot: true}
`

// sagasApp is an app with sagas, and the directory where its services note what they do.
type sagasApp struct {
	*app
	ledger string
	url    string // where front starts sagas
}

func startSagas(t *testing.T) sagasApp {
	t.Helper()
	return upSagas(t, newApp(t, "name: sagas"), sagasFile)
}

func upSagas(t *testing.T, in *app, file string) sagasApp {
	t.Helper()
	a := sagasApp{app: in, ledger: filepath.Join(newDir(t), "ledger")}
	if err := errors.Join(os.Mkdir(a.ledger, 0o777), os.Chmod(a.ledger, 0o777)); err != nil {
		t.Fatal(err)
	}
	a.write("checkout.json", `{"type": "object", "required": ["order"], "properties": {"order": {"type": "string"}, "settled": {"type": "boolean"}}}`)
	a.write("banyan.yaml", strings.ReplaceAll(file, "=ledger=", a.ledger))
	a.up()
	a.url = a.banyanURL() + "/v1/sagas"
	return a
}

// mood makes a service answer steps in some way from now on; "": well.
func (a sagasApp) mood(service, how string) {
	a.t.Helper()
	if err := os.WriteFile(filepath.Join(a.ledger, service+".mood"), []byte(how), 0o644); err != nil {
		a.t.Fatal(err)
	}
}

// stepNote is a request that a service got for a step.
type stepNote struct{ Key, Attempt, Saga, Caller, Path, Body string }

// steps are the requests for a saga that a service got.
func (a sagasApp) steps(service, saga string) []stepNote {
	a.t.Helper()
	text, err := os.ReadFile(filepath.Join(a.ledger, service+".steps"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		a.t.Fatal(err)
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	notes := jsonLines[stepNote](a.t, string(text))
	return slices.DeleteFunc(notes, func(n stepNote) bool { return n.Saga != saga })
}

// keys are the idempotency keys of notes, without the saga's id.
func keys(notes []stepNote) []string {
	var all []string
	for _, n := range notes {
		all = append(all, strings.TrimPrefix(n.Key, n.Saga+"/"))
	}
	return all
}

// sagaInput is the input of a checkout.
type sagaInput struct {
	Order   string `json:"order"`
	Settled bool   `json:"settled"`
}

// start starts a checkout and returns its id.
func (a sagasApp) start(t *testing.T, in sagaInput) string {
	t.Helper()
	res := ask(t, http.MethodPost, a.url+"/checkout", in, "Idempotency-Key", in.Order)
	var started struct{ ID string }
	res.decode(t, &started)
	if res.status != http.StatusCreated || started.ID == "" {
		t.Fatalf("the saga is not started: %s", res)
	}
	return started.ID
}

// shownSaga is what `banyan saga show --json` says.
type shownSaga struct {
	State, Reason string
	Steps         []struct {
		Name, Phase string
		Output      json.RawMessage
	}
	Timeline []struct{ Step, Op, Outcome, Request string }
}

func (a sagasApp) show(t *testing.T, id string) shownSaga {
	t.Helper()
	return jsonLines[shownSaga](t, a.must("saga", "show", id, "--json").out)[0]
}

// becomes waits until a saga is in a state.
func (a sagasApp) becomes(t *testing.T, id, state string) {
	t.Helper()
	await(t, 30*time.Second, "the saga to be "+state, func() error {
		res, err := send(http.MethodGet, a.url+"/"+id, nil)
		if err != nil {
			return err
		}
		var s struct{ State string }
		if res.decode(t, &s); s.State != state {
			return fmt.Errorf("it is %s", res)
		}
		return nil
	})
}
