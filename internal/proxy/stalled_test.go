package proxy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// TestStalledUploads: bodies that nobody takes do not stop the others of their connection.
func TestStalledUploads(t *testing.T) {
	const stalled = stalledUploads - 1
	r := newRigWith(t, Options{Loops: 1})
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, q *http.Request) {
		n, _ := io.Copy(io.Discard, q.Body)
		_, _ = fmt.Fprint(w, n)
	}))
	gw := r.gateway(route.Route{Path: "/", To: "s"}, route.Route{Path: "/later", To: "s", Policy: route.Policy{
		Fault: &route.Fault{Delay: time.Hour, DelayPercent: 100},
	}})
	r.apply()
	c := h2cClient(t)
	body := strings.Repeat("x", 1<<20)
	get(t, c, gw) // or each upload would open a connection of its own
	ctx, cancel := context.WithCancel(t.Context())
	var uploads sync.WaitGroup
	defer uploads.Wait()
	defer cancel()
	for range stalled {
		uploads.Go(func() {
			req, _ := http.NewRequestWithContext(ctx, "POST", gw+"/later", strings.NewReader(body))
			if resp, err := c.Do(req); err == nil {
				_ = resp.Body.Close()
				t.Error("an answer")
			}
		})
	}
	eventually(t, "they are there", func() bool { return r.e.InFlight() == stalled })
	ctx2, enough := context.WithTimeout(t.Context(), 10*time.Second)
	defer enough()
	req, _ := http.NewRequestWithContext(ctx2, "POST", gw, strings.NewReader(body))
	if resp, err := c.Do(req); err != nil {
		t.Error(err)
	} else {
		got, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(got) != strconv.Itoa(len(body)) {
			t.Errorf("%s of %d bytes came", got, len(body))
		}
	}
	if n := r.connections(); n > 2 {
		t.Errorf("%d connections", n)
	}
}

// TestUploadsAnsweredEarly: a client whose many uploads are all answered before
// they have come is no attacker, neither by what is under way then nor by its resets.
func TestUploadsAnsweredEarly(t *testing.T) {
	r := newRigWith(t, Options{Loops: 1})
	r.service("none", route.HTTP1)
	edge := r.edge("x", "none", route.Policy{})
	r.apply()
	c := dial2(t, edge)
	c.send(frame2(frameWindow, 0, 0, octets4(1<<30)))
	const streams, rounds = 900, 4
	for round := range rounds {
		first := uint32(1 + 2*streams*round)
		var heads, bodies strings.Builder
		for i := range uint32(streams) {
			heads.WriteString(frame2(frameHeaders, endHeaders, first+2*i, ask2("POST", "/")))
			bodies.WriteString(frame2(frameData, 0, first+2*i, "x") + frame2(frameReset, 0, first+2*i, octets4(0)))
		}
		if !c.send(heads.String()) {
			t.Fatalf("round %d: %v", round, c.goaway)
		}
		last := first + 2*(streams-1)
		if err := c.until(func() bool { return c.status[last] != "" && c.ended[last] || c.goaway != nil }); err != nil || c.goaway != nil {
			t.Fatalf("round %d: %v, %v", round, err, c.goaway)
		}
		if !c.send(bodies.String()) {
			t.Fatalf("round %d: %v", round, c.goaway)
		}
	}
	const last = 1 + 2*streams*rounds
	c.send(frame2(frameHeaders, endHeaders|endStream, last, ask2("GET", "/")))
	if err := c.until(func() bool { return c.status[last] != "" || c.goaway != nil }); err != nil || c.goaway != nil {
		t.Errorf("%v, %v, %v", err, c.goaway, r.e.Refusals())
	}
}
