package proxy

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/route"
)

// BenchmarkEdge is one keep-alive request over an edge, 1 KiB of answer; the
// client and the service are bare, so that most of it is the data plane.
func BenchmarkEdge(b *testing.B) { benchmarkEdge(b, Options{}) }

// BenchmarkEdgeSpans is the same with a span recorded for each request, and made ready
// for the link.
func BenchmarkEdgeSpans(b *testing.B) {
	var encoder account.Encoder
	benchmarkEdge(b, Options{Spans: func(spans []account.Span) {
		if _, err := json.Marshal(&link.Message{Spans: &link.Spans{Data: encoder.Encode(spans)}}); err != nil {
			b.Error(err)
		}
	}})
}

func benchmarkEdge(b *testing.B, o Options) {
	b.Helper()
	l := mustListen(b)
	go bareService(l)
	e := New(o)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = e.Run(ctx) })
	defer running.Wait()
	defer stop()
	in := mustHold(b)
	s := &route.Snapshot{
		Listeners: []route.Listener{{ID: "e", Role: route.RoleEdge, Caller: "x", Callee: "s"}},
		Edges:     []route.Edge{{Caller: "x", Callee: "s", Policy: route.Policy{Timeout: 30e9, Retries: 1}}},
		Services: map[string]*route.Service{"s": {Name: "s", Protocol: route.HTTP1, Instances: []route.Instance{
			{ID: "s-1", Addr: l.Addr().String()}, {ID: "s-2", Addr: l.Addr().String()}}}},
	}
	addr := in.Addr().String()
	if err := e.Apply(s, map[string]*link.Socket{"e": in}); err != nil {
		b.Fatal(err)
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	br := bufio.NewReader(c)
	b.ReportAllocs()
	began := cpuTime(b)
	for b.Loop() {
		_, _ = io.WriteString(c, "GET /items/7 HTTP/1.1\r\nHost: inventory\r\nUser-Agent: bench\r\n\r\n")
		resp, err := http.ReadResponse(br, nil)
		if err != nil || resp.StatusCode != 200 {
			b.Fatal(resp, err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
	}
	b.ReportMetric(float64(cpuTime(b)-began)/float64(b.N), "cpu-ns/op")
}

// cpuTime is what this process has used, client and service included.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func bareService(l net.Listener) {
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n" + strings.Repeat("x", 1024))
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			br := bufio.NewReader(c)
			for {
				line, err := br.ReadString('\n')
				if err != nil {
					return
				}
				if line == "\r\n" {
					_, _ = c.Write(answer)
				}
			}
		}()
	}
}

// large is a snapshot of 300 services with 2 instances each and 1,000 listeners.
func large(n uint64) *route.Snapshot {
	s := &route.Snapshot{Version: route.Version{Epoch: 1, N: n}, App: "large", Services: map[string]*route.Service{}, Gateway: &route.Gateway{}}
	for i := range 300 {
		name := fmt.Sprintf("service-%03d", i)
		s.Services[name] = &route.Service{Name: name, Protocol: route.HTTP1, Instances: []route.Instance{
			{ID: name + "-1", Revision: "0123456789ab", Addr: fmt.Sprintf("127.0.0.1:%d", 20000+2*i)},
			{ID: name + "-2", Revision: "0123456789ab", Addr: fmt.Sprintf("127.0.0.1:%d", 20001+2*i)},
		}}
		s.Gateway.Routes = append(s.Gateway.Routes, route.Route{Path: "/api/" + name, To: name})
		s.Listeners = append(s.Listeners, route.Listener{ID: "refuse/" + name, Role: route.RoleRefuse, Caller: name})
		for k := range 2 {
			callee := fmt.Sprintf("service-%03d", (i+k+1)%300)
			s.Edges = append(s.Edges, route.Edge{Caller: name, Callee: callee, Policy: route.Policy{Timeout: 30e9, Retries: 1}})
			s.Listeners = append(s.Listeners, route.Listener{ID: "edge/" + name + "/" + callee, Role: route.RoleEdge, Caller: name, Callee: callee})
		}
	}
	return s
}

// BenchmarkApply is what a snapshot of a large app costs that changes nothing.
func BenchmarkApply(b *testing.B) {
	e := New(Options{})
	defer e.Close()
	sockets := map[string]*link.Socket{}
	for _, l := range large(1).Listeners {
		sockets[l.ID] = mustHold(b)
	}
	n := uint64(1)
	if err := e.Apply(large(n), sockets); err != nil {
		b.Fatal(err)
	}
	s := *large(n)
	b.ReportAllocs()
	for b.Loop() {
		n++
		s.Version.N = n
		if err := e.Apply(&s, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecode is reading such a snapshot from the link.
func BenchmarkDecode(b *testing.B) {
	text, err := json.Marshal(large(1))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := json.Unmarshal(text, new(route.Snapshot)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	var list []string
	for i := range 100 {
		for k := range 10 {
			list = append(list, fmt.Sprintf("h%d.example /api/v1/resource-%d", i, k))
		}
	}
	r := newRouter(routes(list...))
	b.ReportAllocs()
	for b.Loop() {
		p := parsePath("/api/v1/resource-7/items/12")
		if gr, _ := r.find(&query{host: "h50.example", method: "GET"}, p.segments); gr == nil {
			b.Fatal("no route")
		}
	}
}

// BenchmarkAccounting is what a request costs to count, and with a span.
func BenchmarkAccounting(b *testing.B) {
	for name, o := range map[string]Options{"counts": {Loops: 1}, "spans": {Loops: 1, Spans: func([]account.Span) {}}} {
		b.Run(name, func(b *testing.B) {
			e := New(o)
			defer e.Close()
			w := e.workers[0]
			ed := edge{lane: &lane{edgeKey: edgeKey{caller: "x", callee: "s"}, accounts: make([]*account.Live, 1)}}
			inst := &instance{instanceKey: instanceKey{id: "s-1"}, revision: "r1"}
			b.ReportAllocs()
			e.loops.Each(func(*loop.Loop) {
				x := w.exchange(nil, nil)
				x.trace = continueTrace(x.req)
				x.status, x.tries, x.upstreamTime, x.tried = 200, 1, 1e6, []*instance{inst}
				for b.Loop() {
					x.began = w.loop.Clock()
					x.countIn(ed)
					x.countOut(nil)
				}
			})
		})
	}
}
