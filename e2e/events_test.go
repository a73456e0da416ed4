package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/banyanrun/banyan/e2e/ledger"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// eventsFile is an app whose service shop publishes from many lanes. mail is bad
// at taking events, picky refuses some of them for good, stock is well; late takes
// none at first.
const eventsFile = `
name: events
topics:
	order.placed: {key: subject}
services:
	shop:
		command: ${testapp} publish
		replicas: 2
		readiness: {http: /healthz}
		publishes: [order.placed]
		environment: {LEDGER: "=ledger=", TOPIC: order.placed, LANES: "6", EVERY: 60ms}
	mail:
		command: ${testapp}
		replicas: 2
		readiness: {http: /healthz}
		environment: {LEDGER: "=ledger=", MOOD: bad}
		subscribes:
			order.placed: {path: /take, timeout: 1s, max_attempts: 0, backoff: {first: 20ms, most: 300ms}}
	picky:
		command: ${testapp}
		readiness: {http: /healthz}
		environment: {LEDGER: "=ledger=", MOOD: picky}
		subscribes:
			order.placed: {path: /take, timeout: 2s, max_attempts: 3, backoff: {first: 10ms, most: 20ms}}
	stock:
		command: ${testapp}
		replicas: 2
		readiness: {http: /healthz}
		environment: {LEDGER: "=ledger="}
		subscribes: {=stock=}
	late:
		command: ${testapp}
		readiness: {http: /healthz}
		environment: {LEDGER: "=ledger="}
		subscribes: {=late=}
`

const eventsTopic = "order.placed"

// attemptsOfPicky is picky's max_attempts.
const attemptsOfPicky = 3

// eventsApp is an app with events, and the directory where its services note what they do.
type eventsApp struct {
	*app
	ledger string
	lanes  int // of all publishers
}

func newEventsApp(t *testing.T, lanes int) eventsApp {
	t.Helper()
	a := eventsApp{newApp(t, "name: events"), filepath.Join(newDir(t), "ledger"), lanes}
	if err := errors.Join(os.Mkdir(a.ledger, 0o777), os.Chmod(a.ledger, 0o777)); err != nil {
		t.Fatal(err)
	}
	return a
}

func startEvents(t *testing.T) eventsApp {
	t.Helper()
	a := newEventsApp(t, 12)
	a.subscribe(true, false)
	a.up()
	return a
}

// subscribe writes an app file in which stock and late take events, or do not.
func (a eventsApp) subscribe(stock, late bool) {
	takes := map[bool]string{true: "order.placed: {path: /take, timeout: 2s, max_attempts: 0, from: all}"}
	a.write("banyan.yaml", strings.NewReplacer("=ledger=", a.ledger, "=stock=", takes[stock], "=late=", takes[late]).Replace(eventsFile))
}

// Events flow while everything is killed or stopped, subscribers fail, and the app
// file changes. What was acknowledged is delivered to each subscriber, in order
// among equal keys; what was sent twice is stored once; nothing is stuck, and dead
// letters are what used up its attempts. BANYAN_E2E_ROUNDS says how many faults
// there are, BANYAN_E2E_SEED which.
func TestEventsWhateverIsKilled(t *testing.T) {
	random := chance(t)
	a := startEvents(t)
	faults := a.faults(t, random, rounds(9, 30), func(second bool) { a.subscribe(second, second) })
	a.settled(60 * time.Second)
	a.stopPublishing(t)
	o := a.look(t)
	t.Run("nothing is stuck", func(t *testing.T) { a.drained(t) })
	o.reread(a)
	t.Run("published", o.published)
	for _, s := range []string{"mail", "picky", "stock", "late"} {
		t.Run("delivered to "+s, func(t *testing.T) { o.delivered(t, s) })
	}
	dead := 0
	t.Run("dead letters", func(t *testing.T) { dead = o.deadLetters(t, a) })
	a.touch("calm")
	t.Run("redrive", func(t *testing.T) { o.redrive(t, a, dead) })
	t.Run("replay", func(t *testing.T) { o.replay(t, a) })
	figure(t, "%s; %d events, %d dead letters", faults, len(o.stored), dead)
}

func (a eventsApp) touch(name string) {
	a.t.Helper()
	if err := os.WriteFile(filepath.Join(a.ledger, name), nil, 0o644); err != nil {
		a.t.Fatal(err)
	}
}

// faults makes n things go wrong, one after another, and changes the app file at a
// third of it and at two thirds. It returns what was done.
func (a eventsApp) faults(t *testing.T, random *rand.Rand, n int, change func(second bool)) string {
	t.Helper()
	var bag []string // of what is still to come, so that each kind does
	count := map[string]int{}
	instances, killed := 0, map[string]int{}
	for round := range n {
		pause(t, between(t)+time.Duration(200+random.IntN(900))*time.Millisecond)
		if round == n/3 || round == 2*n/3 {
			change(round == 2*n/3)
			a.reapply(t)
		}
		if len(bag) == 0 {
			bag = []string{"daemon", "daemon", "proxy", "both", "instance", "instance", "instance", "stop", "down"}
			random.Shuffle(len(bag), func(i, j int) { bag[i], bag[j] = bag[j], bag[i] })
		}
		what := bag[0]
		bag = bag[1:]
		count[what]++
		switch what {
		case "daemon", "proxy":
			a.killOwn(t, what)
		case "both":
			a.killOwn(t, "daemon", "proxy")
		case "instance":
			instances += a.killInstance(t, random, killed)
		case "down":
			a.settled(90 * time.Second)
			a.must("down")
			a.up()
			clear(killed)
		case "stop":
			a.freeze(t, time.Duration(100+random.IntN(2000))*time.Millisecond)
		}
		if a.pid("daemon") == 0 && a.pid("proxy") == 0 {
			a.banyan("ps") // nobody else can start them
		}
	}
	return fmt.Sprintf("killed: daemon %d, data plane %d, both %d, instances %d; daemon stopped for a while: %d; down and up: %d",
		count["daemon"], count["proxy"], count["both"], instances, count["stop"], count["down"])
}

// killOwn kills processes of Banyan's own, if they are there now, and waits for their end.
func (a eventsApp) killOwn(t *testing.T, whats ...string) {
	t.Helper()
	var pids []int
	for _, what := range whats {
		if pid := a.pid(what); pid != 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
			pids = append(pids, pid)
		}
	}
	for _, pid := range pids {
		dead(t, pid)
	}
}

// killInstance kills one and returns how many it killed; each dies few times.
func (a eventsApp) killInstance(t *testing.T, random *rand.Rand, killed map[string]int) int {
	t.Helper()
	var victims []process
	for _, p := range a.processes() {
		// Each crash doubles the wait for the next start.
		if p.what == "instance" && killed[p.instance] < 4 {
			victims = append(victims, p)
		}
	}
	if len(victims) == 0 {
		return 0
	}
	slices.SortFunc(victims, func(a, b process) int { return strings.Compare(a.instance, b.instance) })
	p := victims[random.IntN(len(victims))]
	killed[p.instance]++
	kill(t, p.pid)
	return 1
}

// freeze stops the daemon for a while.
func (a eventsApp) freeze(t *testing.T, d time.Duration) {
	t.Helper()
	pid := a.pid("daemon")
	if pid == 0 {
		return
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return // it ended just now
	}
	pause(t, d)
	_ = syscall.Kill(pid, syscall.SIGCONT) // it is there: stopped processes do not end
}

// reapply applies the app file. A daemon that was killed just now may be needed for it.
func (a eventsApp) reapply(t *testing.T) {
	t.Helper()
	await(t, 90*time.Second, "the app file to be applied", func() error {
		if r := a.banyan("up", "-d"); r.code != 0 {
			t.Log(r)
			return errors.New(r.err)
		}
		return nil
	})
}

// stopPublishing waits until each lane's last event is stored.
func (a eventsApp) stopPublishing(t *testing.T) {
	t.Helper()
	a.touch("stop")
	await(t, 60*time.Second, "the publishers to stop", func() error {
		stopped := map[string]bool{}
		for _, e := range a.publishedEntries() {
			if e.Kind == ledger.Stopped {
				stopped[e.Lane] = true
			}
		}
		if len(stopped) != a.lanes {
			return fmt.Errorf("%d lanes of %d have stopped", len(stopped), a.lanes)
		}
		return nil
	})
}

// publishedEntries are those of all publishers, of each in its order.
func (a eventsApp) publishedEntries() []ledger.Entry {
	a.t.Helper()
	files, err := filepath.Glob(filepath.Join(a.ledger, "*.published"))
	if err != nil {
		a.t.Fatal(err)
	}
	var all []ledger.Entry
	for _, f := range files {
		entries, err := ledger.Read(f)
		if err != nil {
			a.t.Fatal(err)
		}
		all = append(all, entries...)
	}
	return all
}

// topics is what `banyan topics --json` says.
func (a *app) topics() (*banyanv1.ListTopicsResponse, error) {
	a.t.Helper()
	r := a.banyan("topics", "--json")
	if r.code != 0 {
		return nil, errors.New(r.String())
	}
	list := &banyanv1.ListTopicsResponse{}
	return list, protojson.Unmarshal([]byte(r.out), list)
}

// drained waits until no subscription has anything left to do, and nothing is to be
// published later.
func (a *app) drained(t *testing.T) {
	t.Helper()
	most := 90 * time.Second
	await(t, most, "subscriptions to have delivered all", func() error {
		list, err := a.topics()
		if err != nil {
			return err
		}
		n := 0
		for _, topic := range list.GetTopics() {
			if topic.GetState() != banyanv1.TopicState_TOPIC_STATE_OK {
				return fmt.Errorf("topic %s is %s: %s", topic.GetName(), topic.GetState(), topic.GetReason())
			}
			if topic.GetDelayed() > 0 {
				return fmt.Errorf("topic %s: %d events are delayed", topic.GetName(), topic.GetDelayed())
			}
			for _, s := range topic.GetSubscriptions() {
				n++
				if s.GetLag() > 0 || s.GetInFlight() > 0 || s.GetState() != banyanv1.SubscriptionState_SUBSCRIPTION_STATE_ACTIVE {
					return fmt.Errorf("%s: %v", topic.GetName(), s)
				}
			}
		}
		if n == 0 {
			return errors.New("there are no subscriptions")
		}
		return nil
	})
}

// deadLetter is a line of `banyan events dead --json`.
type deadLetter struct {
	Service, Error, Response, Sequence string
	Attempts, Status                   int
	Event                              struct{ ID string }
}

func (a *app) deadLetters(topic string) []deadLetter {
	a.t.Helper()
	return jsonLines[deadLetter](a.t, a.must("events", "dead", topic, "--json").out)
}

// storedEvent is a line of `banyan events tail --json`.
type storedEvent struct {
	Sequence string
	Event    struct{ ID, Source, Subject string }
}

func (a *app) stored(topic string) []storedEvent {
	a.t.Helper()
	return jsonLines[storedEvent](a.t, a.must("events", "tail", topic, "--from", "all", "--json").out)
}

func jsonLines[T any](t *testing.T, text string) []T {
	t.Helper()
	var all []T
	for line := range strings.Lines(text) {
		var one T
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, one)
	}
	return all
}

func number(t *testing.T, sequence string) int {
	t.Helper()
	n, err := strconv.Atoi(sequence)
	if err != nil {
		t.Fatalf("a sequence is %q", sequence)
	}
	return n
}
