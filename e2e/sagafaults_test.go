package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/crashpoint"
)

// sagaFaultsFile is an app whose sagas move things between accounts of three
// services that behave badly (testapp's move). order starts them.
const sagaFaultsFile = `
name: sagafaults
gateway: {listen: ":${port}", routes: [{path: /front, to: order}]}
services:
	order:
		command: ${testapp} start
		readiness: {http: /healthz}
		database: {}
		environment: {LEDGER: "=ledger=", LANES: "=lanes=", EVERY: 60ms, START: "0", SAGAS: "checkout checkout hasty family"}
	inventory:
		command: ${testapp}
		readiness: {http: /healthz}
		database: {}
		environment: {LEDGER: "=ledger=", START: "1000000", SCARCE: "=scarce="}
	payment:
		command: ${testapp}
		replicas: 2
		readiness: {http: /healthz}
		database: {}
		environment: {LEDGER: "=ledger=", START: "1000000"}
	shipping:
		command: ${testapp}
		readiness: {http: /healthz}
		database: {}
		environment: {LEDGER: "=ledger=", START: "1000000"}
sagas:
	checkout:
		started_by: [order]
		steps:
			- {name: reserve, call: {service: inventory, =move=}, undo: {=move=}, =patient=}
			- parallel:
				- {name: charge, call: {service: payment, =move=}, undo: {=move=}, =patient=}
				- {name: book, call: {service: shipping, =move=}, undo: {=move=}, =patient=}
			- {name: ship, call: {service: shipping, =move=}, pivot: true, =patient=}
			- {name: pack, call: {service: shipping, =move=}, =patient=}
	hasty:
		started_by: [order]
		steps:
			- {name: reserve, call: {service: inventory, =move=}, undo: {=move=}, =hasty=}
			- {name: charge, call: {service: payment, =move=}, undo: {=move=}, =hasty=}
			- {name: book, call: {service: shipping, =move=}, undo: {=move=}, =hasty=}
	family:
		started_by: [order]
		steps:
			- {name: goods, saga: hasty}
			- {name: pay, call: {service: payment, =move=}, undo: {=move=}, =hasty=}
`

// sagaSteps are the calls of each saga, by service; after the pivot nothing is undone.
var sagaSteps = map[string]map[string]string{
	"checkout": {"reserve": "inventory", "charge": "payment", "book": "shipping", "ship": "shipping", "pack": "shipping"},
	"hasty":    {"reserve": "inventory", "charge": "payment", "book": "shipping"},
	"family":   {"pay": "payment"},
}

// Sagas run while services lose answers, answer late, twice, or with mistakes, and
// processes are killed, at places with a name and at any time, and stopped. Each
// saga that was acknowledged ends done, undone, or needs a person for a reason that
// is true; each effect is there once; nothing is lost from the books.
// BANYAN_E2E_ROUNDS says how many faults there are, BANYAN_E2E_SEED which, and
// BANYAN_E2E_LANES how many sagas are started at a time.
func TestSagasWhateverFails(t *testing.T) {
	long(t)
	random := chance(t)
	n := rounds(12, 12)
	a := newSagaFaults(t, n)
	list := filepath.Join(newDir(t), "crashes")
	a.env = append(a.env, crashpoint.Variable+"="+list)
	a.up()
	points := pointsOf(true)
	a.crashAt(t, list, plan(points, max(1, n/20), random))
	faults := a.faults(t, random, n, a.define)
	figure(t, "died at each of %d places; %s; %s", len(points), faults, a.judge(t))
}

// Power fails again and again while sagas run, on a disk that has all of Banyan's
// state and that of the services.
func TestPowerFailsDuringSagas(t *testing.T) {
	long(t)
	random := chance(t)
	n := rounds(6, 6)
	a := newSagaFaults(t, n)
	disk := a.onLazyDisk(t, false)
	a.up()
	for range n {
		pause(t, time.Duration(100+random.IntN(1500))*time.Millisecond)
		a.powerFails(t, disk, random)
	}
	figure(t, "power failed %d times; %s", n, a.judge(t))
}

// sagaFaults is an app of sagaFaultsFile.
type sagaFaults struct {
	eventsApp
	scarce int // of the things of which there are few
}

func newSagaFaults(t *testing.T, faults int) sagaFaults {
	t.Helper()
	lanes, err := strconv.Atoi(cmp.Or(os.Getenv("BANYAN_E2E_LANES"), "5"))
	if err != nil {
		t.Fatal(err)
	}
	a := sagaFaults{newEventsApp(t, lanes), 40 + 10*faults}
	a.define(false)
	return a
}

// define writes the app file, with one or another definition of the sagas.
func (a sagaFaults) define(second bool) {
	patience := map[bool]string{false: "50m", true: "40m"}[second]
	a.write("banyan.yaml", strings.NewReplacer("=ledger=", a.ledger, "=lanes=", strconv.Itoa(a.lanes), "=scarce=", strconv.Itoa(a.scarce),
		"=move=", `path: /move, body: input`,
		"=patient=", `timeout: 500ms, retry: {first: 20ms, most: 200ms, for: `+patience+`}`,
		"=hasty=", `timeout: 500ms, retry: {first: 10ms, most: 100ms, for: 300ms}`).Replace(sagaFaultsFile))
}

// judge lets all come to its end and says what came of it.
func (a sagaFaults) judge(t *testing.T) string {
	t.Helper()
	a.settled(60 * time.Second)
	a.stopPublishing(t)
	a.touch("calm")
	o := sagaOracle{app: a.eventsApp, t: t, scarce: a.scarce}
	o.over(90 * time.Second)
	o.attention()
	a.touch("mended")
	o.mend()
	o.over(60 * time.Second)
	pause(t, 2*time.Second) // copies of requests come up to 1.5 s later
	o.look()
	t.Run("started", o.started)
	t.Run("ended", o.ended)
	t.Run("effects", o.effects)
	t.Run("books", o.books)
	return o.summary()
}

// sagaLine is a line of `banyan sagas --json`.
type sagaLine struct{ ID, Name, State, Reason, Parent string }

// sagas lists those in a state, or all.
func (a *app) sagas(state string, most int) []sagaLine {
	a.t.Helper()
	args := []string{"sagas", "--json", "--limit", strconv.Itoa(most)}
	if state != "" {
		args = append(args, "--state", state)
	}
	return jsonLines[sagaLine](a.t, a.must(args...).out)
}

// over waits until all sagas have ended but those that need a person.
func (o *sagaOracle) over(most time.Duration) {
	o.t.Helper()
	await(o.t, most, "sagas to end", func() error {
		for _, state := range []string{"running", "compensating"} {
			if open := o.app.sagas(state, 1000); len(open) > 0 && !o.waitsForChild(open) {
				return fmt.Errorf("%d are %s, as %+v", len(open), state, open[0])
			}
		}
		if later := o.notWrong(); later != nil {
			return fmt.Errorf("it needs attention, and why? %+v", *later)
		}
		return nil
	})
}

// waitsForChild tells whether each of some sagas only waits for one that needs a person.
func (o *sagaOracle) waitsForChild(open []sagaLine) bool {
	stuck := map[string]bool{}
	for _, s := range o.app.sagas("needs_attention", 100_000) {
		stuck[s.Parent] = true
	}
	for _, s := range open {
		if !stuck[s.ID] {
			return false
		}
	}
	return true
}

// notWrong returns a saga that needs a person, and not because a service was told to
// find a mistake.
func (o *sagaOracle) notWrong() *sagaLine {
	for _, s := range o.app.sagas("needs_attention", 100_000) {
		if !strings.Contains(s.Reason, "charge") || !strings.Contains(s.Reason, "422") {
			return &s
		}
	}
	return nil
}

// attention: those that need a person are those that a service found a mistake in.
func (o *sagaOracle) attention() {
	o.t.Helper()
	o.needy = o.app.sagas("needs_attention", 100_000)
	if len(o.needy) == 0 {
		o.t.Error("no saga needs attention: this run proves little")
	}
}

// mend has each tried again.
func (o *sagaOracle) mend() {
	o.t.Helper()
	for _, s := range o.needy {
		if r := o.app.banyan("saga", "retry", s.ID); r.code != 0 {
			o.t.Error(r)
		}
	}
	await(o.t, 30*time.Second, "no saga to need attention", func() error {
		if left := o.app.sagas("needs_attention", 1); len(left) > 0 {
			return fmt.Errorf("%+v", left[0])
		}
		return nil
	})
}

// database is where a service keeps its accounts.
func (a *app) database(service string) (string, error) {
	found, err := filepath.Glob(filepath.Join(a.layout.Data, "*", service+".db"))
	if err == nil && len(found) != 1 {
		err = errors.New("there are " + strconv.Itoa(len(found)) + " databases of " + service)
	}
	if err != nil {
		return "", err
	}
	_, err = os.Stat(found[0])
	return found[0], err
}
