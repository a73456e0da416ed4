package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// powerFile is an app that publishes by requests and by an outbox. mail is bad at
// taking events, and picky refuses some for good.
const powerFile = `
name: power
topics:
	order.placed: {key: subject}
services:
	shop:
		command: ${testapp} publish
		readiness: {http: /healthz}
		publishes: [order.placed]
		environment: {LEDGER: "=ledger=", TOPIC: order.placed, LANES: "6", EVERY: =pace=}
	books:
		command: ${testapp} outbox
		readiness: {http: /healthz}
		publishes: [order.placed]
		database: {outbox: true}
		environment: {LEDGER: "=ledger=", TOPIC: order.placed, LANES: "4", EVERY: =pace=}
	mail:
		command: ${testapp}
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
`

// pace is how long lanes wait between publishes: in a long run mail, which takes one
// event of a lane at a time, must keep up with them.
func pace(long bool) string {
	if long {
		return "200ms"
	}
	return "20ms"
}

func startPower(t *testing.T, lie, long bool) (eventsApp, *lazyDisk) {
	t.Helper()
	a := newEventsApp(t, 10)
	disk := a.onLazyDisk(t, lie)
	a.write("banyan.yaml", strings.NewReplacer("=ledger=", a.ledger, "=pace=", pace(long)).Replace(powerFile))
	a.up()
	return a, disk
}

// powerFails ends everything at once, and starts the app on what the disk has left.
func (a eventsApp) powerFails(t *testing.T, disk *lazyDisk, random *rand.Rand) {
	t.Helper()
	seed := random.Uint64()
	var lost string
	if random.IntN(2) == 0 {
		lost = disk.cut(seed) // in the middle of what is being done
		a.killAll(t)
	} else {
		a.killAll(t)
		lost = disk.cut(seed)
	}
	disk.boot()
	t.Logf("power failed: %s", lost)
	a.up()
}

// Power fails again and again. What was acknowledged is there and is delivered, in
// order, also what an outbox had; nothing is stored twice, and nothing stops.
// BANYAN_E2E_ROUNDS says how often, BANYAN_E2E_SEED what is lost.
func TestPowerFails(t *testing.T) {
	long(t)
	random := chance(t)
	n := rounds(12, 12)
	a, disk := startPower(t, false, n > 50)
	for range n {
		pause(t, time.Duration(100+random.IntN(1200))*time.Millisecond)
		a.powerFails(t, disk, random)
		a.topicsWork(t)
	}
	a.stopPublishing(t)
	o := a.look(t)
	a.drained(t)
	o.reread(a)
	t.Run("published", o.published)
	for _, s := range []string{"mail", "picky"} {
		t.Run("delivered to "+s, func(t *testing.T) { o.delivered(t, s) })
	}
	t.Run("dead letters", func(t *testing.T) { o.deadLetters(t, a) })
	figure(t, "power failed %d times; %d events, of which none was lost", n, len(o.stored))
}

// The same oracle finds what is lost where a disk lies about syncs.
func TestPowerFailsOnADiskThatLies(t *testing.T) {
	long(t)
	random := chance(t)
	a, disk := startPower(t, true, false)
	for range 20 {
		pause(t, time.Second)
		a.killAll(t)
		disk.cut(random.Uint64())
		disk.boot()
		if r := a.banyan("up", "-d"); r.code != 0 {
			figure(t, "the app does not start: %s", r.err)
			return
		}
		if err := a.topicsOK(); err != nil {
			figure(t, "%v", err)
			return
		}
		o := a.look(t)
		o.reread(a)
		// Rows of the outbox may be under way.
		lost := 0
		for _, id := range o.lost() {
			if strings.HasPrefix(id, "shop") {
				lost++
			}
		}
		if lost > 0 {
			figure(t, "%d of %d events that were acknowledged are lost", lost, len(o.acked))
			return
		}
	}
	t.Fatal("nothing was lost although nothing was synced: the oracle is blind")
}

// topicsOK returns what is wrong with a topic; a subscription may be behind.
func (a *app) topicsOK() error {
	list, err := a.topics()
	if err != nil {
		return err
	}
	for _, topic := range list.GetTopics() {
		if topic.GetState() != banyanv1.TopicState_TOPIC_STATE_OK {
			return fmt.Errorf("topic %s is %s: %s", topic.GetName(), topic.GetState(), topic.GetReason())
		}
	}
	return nil
}

func (a *app) topicsWork(t *testing.T) {
	t.Helper()
	if err := a.topicsOK(); err != nil {
		t.Fatal(err)
	}
}
