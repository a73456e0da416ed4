package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/e2e/ledger"
	"github.com/banyanrun/banyan/internal/crashpoint"
)

// crashFile is powerFile, with events that are published later to a topic whose
// segments are small.
const crashFile = powerFile + `
	slow:
		command: ${testapp} publish
		readiness: {http: /healthz}
		publishes: [order.later]
		environment: {LEDGER: "=ledger=/later", TOPIC: order.later, LANES: "4", EVERY: 40ms, DELAY: 200ms}
	keep:
		command: ${testapp}
		readiness: {http: /healthz}
		environment: {LEDGER: "=ledger=/later"}
		subscribes:
			order.later: {path: /take, timeout: 2s, max_attempts: 0}
`

// rare are the places to which the daemon comes seldom, with the most that is waited
// for; to all others it comes many times a second.
var rare = map[crashpoint.Point]int{
	crashpoint.JournalSealing: 1, crashpoint.JournalSealed: 1, crashpoint.ReleaseTold: 2,
	crashpoint.LeaseTaken: 1, crashpoint.SagaUndoIntent: 10, crashpoint.SagaUndoCalled: 10, crashpoint.SagaFinished: 10, crashpoint.SagaStarted: 10,
	crashpoint.DeadStored: 3, crashpoint.DeadMoved: 3, crashpoint.DelayedPublished: 5, crashpoint.DelayedStored: 10,
}

// The daemon dies at each place that has a name. What was acknowledged is there and is
// delivered in order, and nothing is stored twice. BANYAN_E2E_ROUNDS says how often
// it dies at each.
func TestCrashPoints(t *testing.T) {
	long(t)
	random := chance(t)
	a := newEventsApp(t, 10)
	later := eventsApp{a.app, filepath.Join(a.ledger, "later"), 4}
	if err := errors.Join(os.Mkdir(later.ledger, 0o777), os.Chmod(later.ledger, 0o777)); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(newDir(t), "crashes")
	a.env = append(a.env, crashpoint.Variable+"="+list)
	file := strings.Replace(crashFile, "topics:", "topics:\n\torder.later: {retention: {size: 1Mi}}", 1)
	n := rounds(1, 1)
	a.write("banyan.yaml", strings.NewReplacer("=ledger=", a.ledger, "=pace=", pace(n > 3)).Replace(file))
	a.up()
	points := pointsOf(false)
	began := time.Now()
	a.crashAt(t, list, plan(points, n, random))
	took := time.Since(began)
	a.settled(60 * time.Second)
	later.stopPublishing(t)
	a.stopPublishing(t)
	o := a.look(t)
	a.drained(t)
	o.reread(a)
	t.Run("published", o.published)
	for _, s := range []string{"mail", "picky"} {
		t.Run("delivered to "+s, func(t *testing.T) { o.delivered(t, s) })
	}
	t.Run("dead letters", func(t *testing.T) { o.deadLetters(t, a) })
	t.Run("delayed", later.delayedCame)
	figure(t, "died %d times at each of %d places, in %s; %d events", n, len(points), took.Round(time.Second), len(o.stored))
}

// pointsOf returns the places that only an app with sagas comes to, or all others.
func pointsOf(sagas bool) (points []crashpoint.Point) {
	for _, p := range crashpoint.All() {
		if ofSagas := strings.HasPrefix(p.String(), "saga.") || p == crashpoint.LeaseTaken; ofSagas == sagas {
			points = append(points, p)
		}
	}
	return points
}

// plan is a line for each death, in any order.
func plan(points []crashpoint.Point, n int, random *rand.Rand) []string {
	var lines []string
	for _, p := range points {
		most := rare[p]
		if most == 0 {
			most = 40
		}
		for range n {
			lines = append(lines, fmt.Sprintf("%s:%d", p, 1+random.IntN(most)))
		}
	}
	random.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	return lines
}

// crashAt makes the daemon die at each place. The file loses its first line with each
// death.
func (a *app) crashAt(t *testing.T, file string, lines []string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	kill(t, a.pid("daemon")) // the next one reads it
	for left := len(lines); left > 0; {
		await(t, 40*time.Second, "the daemon to die at "+lines[len(lines)-left], func() error {
			text, err := os.ReadFile(file)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			if now := strings.Count(string(text), "\n"); now < left {
				left = now
				return nil
			}
			if a.pid("daemon") == 0 && a.pid("proxy") == 0 {
				a.banyan("ps") // nobody else can start them
			}
			return errors.New("it lives")
		})
	}
}

// delayedCame: what was to be published later came, and was stored once.
func (a eventsApp) delayedCame(t *testing.T) {
	got, err := ledger.Read(filepath.Join(a.ledger, "keep.got"))
	if err != nil {
		t.Fatal(err)
	}
	sequence := map[string]string{}
	for _, e := range got {
		if was := sequence[idOf(e)]; was != "" && was != e.Sequence {
			t.Errorf("%s was delivered with sequences %s and %s", idOf(e), was, e.Sequence)
		}
		sequence[idOf(e)] = e.Sequence
	}
	acked := 0
	for _, e := range a.publishedEntries() {
		switch {
		case e.Kind == ledger.Refused:
			t.Errorf("%s was refused: %s", idOf(e), e.Why)
		case e.Kind == ledger.Kept && sequence[idOf(e)] == "":
			t.Errorf("%s was acknowledged and never came", idOf(e))
		case e.Kind == ledger.Kept:
			acked++
		}
	}
	if acked < 100 {
		t.Errorf("only %d events were delayed", acked)
	}
}
