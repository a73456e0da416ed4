package nats

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/enginetest"
)

// newCluster starts three servers, of which two are enough. The URL of the first names all.
func newCluster(tb testing.TB) []*server {
	tb.Helper()
	var routes, urls []string
	for range 3 {
		routes = append(routes, freeAddr(tb))
	}
	var all []*server
	for i, route := range routes {
		s := newServer(tb, fmt.Sprintf("server_name: n%d", i),
			fmt.Sprintf("cluster {name: c, listen: %q, routes: [nats://%s]}", route, strings.Join(routes, ", nats://")))
		all = append(all, s)
		urls = append(urls, s.url)
	}
	all[0].url = strings.Join(urls, ",")
	return all
}

// settled waits until the cluster takes streams, and every copy of each is up to
// date. Another server that is killed before is the second of three that are out.
func settled(s *server) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 2*time.Minute)
	defer cancel()
	_, js := s.other()
	for {
		why := unsettled(ctx, js)
		if why == nil {
			return
		}
		select {
		case <-ctx.Done():
			s.Fatal(why)
		case <-time.After(50 * time.Millisecond): // asking is work for servers that are busy
		}
	}
}

// unsettled says what is not as it should be, after a moment at most.
func unsettled(ctx context.Context, js jetstream.JetStream) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "scratch", Replicas: 3}); err != nil {
		return err
	}
	streams, n := js.ListStreams(ctx), 0
	for info := range streams.Info() {
		n++
		if info.Cluster == nil || info.Cluster.Leader == "" || len(info.Cluster.Replicas) != 2 {
			return fmt.Errorf("%s has no leader: %+v", info.Config.Name, info.Cluster)
		}
		for _, r := range info.Cluster.Replicas {
			if !r.Current || r.Offline {
				return fmt.Errorf("%s: %s is behind: %+v", info.Config.Name, r.Name, r)
			}
		}
	}
	names := js.StreamNames(ctx)
	for range names.Name() {
		n--
	}
	if err := errors.Join(streams.Err(), names.Err()); err != nil {
		return err
	}
	if n != 0 { // those without a leader are not among the infos
		return fmt.Errorf("%d streams say nothing", -n)
	}
	return nil
}

// The contract, with a cluster of three of which one at a time is killed.
func TestCluster(t *testing.T) {
	if os.Getenv("BANYAN_BROKERS") == "" {
		t.Skip("skipped: starts three servers and kills them (make test-brokers)")
	}
	all := newCluster(t)
	settled(all[0])
	apps, kills := 0, 0
	enginetest.Run(t, func(testing.TB) enginetest.Subject {
		apps++
		app := fmt.Sprint("app", apps)
		return enginetest.Subject{
			Topic: "order.placed",
			Open: func(testing.TB) engine.Engine {
				all[0].app = app
				return all[0].engine()
			},
			Crash: func(e engine.Engine) {
				kills++
				one := all[kills%len(all)]
				one.kill()
				_ = e.Close()
				one.start()
				settled(all[0])
			},
		}
	})
	settled(all[0])
	_, js := all[0].other()
	stream, err := js.Stream(t.Context(), "banyan_app1_order_placed")
	if err != nil {
		t.Fatal(err)
	}
	if n := stream.CachedInfo().Config.Replicas; n != 3 {
		t.Errorf("the stream has %d replicas", n)
	}
}
