package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/e2e/ledger"
	"github.com/banyanrun/banyan/internal/bus/brokertest"
)

const rabbitFile = `
name: events
bus: {engine: rabbitmq, url: "amqp://=addr="}
topics:
	order.placed: {key: subject, dedup_window: 0s}
services:
	shop:
		command: ${testapp} publish
		replicas: 2
		readiness: {http: /healthz}
		publishes: [order.placed]
		environment: {LEDGER: "=ledger=", TOPIC: order.placed, LANES: "6", EVERY: 60ms}
	mail:
		command: ${testapp}
		readiness: {http: /healthz}
		environment: {LEDGER: "=ledger=", MOOD: bad}
		subscribes:
			order.placed: {path: /take, timeout: 1s, max_attempts: 0, backoff: {first: 20ms, most: 300ms}}
	stock:
		command: ${testapp}
		readiness: {http: /healthz}
		environment: {LEDGER: "=ledger="}
		subscribes:
			order.placed: {path: /take, timeout: 2s, max_attempts: 0}
`

// Events go through queues of RabbitMQ while the server, the daemon, the data plane
// and instances are killed: each that was acknowledged is delivered to each
// subscriber, in order among equal keys.
func TestEventsOverRabbitMQ(t *testing.T) {
	if os.Getenv("BANYAN_BROKERS") == "" {
		t.Skip("skipped: a real server takes a minute (make test-brokers)")
	}
	random := chance(t)
	server, err := brokertest.RabbitMQ(t.TempDir())
	if missing, ok := errors.AsType[brokertest.MissingError](err); ok {
		t.Skip("skipped: " + missing)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	a := newEventsApp(t, 12)
	a.write("banyan.yaml", strings.NewReplacer("=ledger=", a.ledger, "=addr=", server.Addr).Replace(rabbitFile))
	a.up()
	await(t, 90*time.Second, "the queues to be known to a server that is killed", func() error {
		if n := len(a.publishedEntries()); n < 500 {
			return errors.New("too little was published")
		}
		return nil
	})
	again := func(bool) {
		server.Kill()
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
	}
	faults := a.faults(t, random, 9, again)
	a.settled(90 * time.Second)
	a.stopPublishing(t)
	a.drained(t)
	o := a.look(t)
	for _, service := range []string{"mail", "stock"} {
		got, err := ledger.Read(filepath.Join(a.ledger, service+".got"))
		if err != nil {
			t.Fatal(err)
		}
		seen, last := map[string]bool{}, map[string]int{}
		for _, e := range got {
			if e.Status/100 != 2 || seen[idOf(e)] {
				continue
			}
			if seen[idOf(e)] = true; e.N < last[e.Lane] {
				t.Errorf("%s got %s after %d of that key", service, idOf(e), last[e.Lane])
			}
			last[e.Lane] = e.N
		}
		for id := range o.acked {
			if !seen[id] {
				t.Errorf("%s was acknowledged, and %s never got it", id, service)
			}
		}
	}
	figure(t, "%s; %d events", faults, len(o.acked))
}
