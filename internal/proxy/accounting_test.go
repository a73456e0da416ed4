package proxy

import (
	"bufio"
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/route"
	pb "google.golang.org/grpc/interop/grpc_testing"
)

// counted is what the engine counted for an edge.
func (r *rig) counted(caller, callee, route string) account.Edge {
	r.t.Helper()
	key := account.Key{Caller: caller, Callee: callee, Route: route}
	s := r.e.Stats()
	i := slices.IndexFunc(s.Edges, func(e account.Edge) bool { return e.Key == key })
	if i < 0 {
		return account.Edge{Key: key}
	}
	return s.Edges[i]
}

func (r *rig) total(caller, callee, route string) account.Counters {
	r.t.Helper()
	e := r.counted(caller, callee, route)
	return e.Total()
}

func TestStatsOfAnEdge(t *testing.T) {
	r := newRig(t)
	c := client(t)
	arrived, goOn := make(chan struct{}), make(chan struct{})
	addr := backend(t, func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		switch q.URL.Path {
		case "/fail":
			w.WriteHeader(http.StatusInternalServerError)
		case "/slow":
			arrived <- struct{}{}
			<-goOn
		case "/broken":
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, "hello")
	})
	r.service("s", route.HTTP1, "s-1", addr)
	edge := r.edge("x", "s", route.Policy{})
	r.apply()

	get(t, c, edge)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, edge, strings.NewReader("ten bytes!"))
	do(t, c, req)
	get(t, c, edge+"/fail")
	_, own := get(t, c, edge+"/broken")
	got := r.counted("x", "s", "")
	if len(got.Revisions) != 1 || got.Revisions[0].Revision != "r1" || got.InFlight != 0 {
		t.Fatalf("%+v", got)
	}
	n := got.Total()
	if n.Requests != 4 || n.Status != [6]uint64{2: 2, 5: 2} || n.Errors != 2 || n.Codes[string(UpstreamReset)] != 1 || len(n.Codes) != 1 {
		t.Errorf("%+v", n)
	}
	if n.BytesIn != 10 || n.BytesOut != uint64(15+len(own)) || n.Latency.Count() != 4 || n.Upstream.Count() != 3 || n.Latency.Sum() < n.Upstream.Sum() {
		t.Errorf("%+v", n)
	}

	var slow sync.WaitGroup
	slow.Go(func() { get(t, c, edge+"/slow") })
	<-arrived
	if got := r.counted("x", "s", ""); got.InFlight != 1 {
		t.Errorf("%d in flight", got.InFlight)
	}
	close(goOn)
	slow.Wait()
	if got := r.counted("x", "s", ""); got.InFlight != 0 {
		t.Errorf("%d in flight at the end", got.InFlight)
	}

	// Counts go on over snapshots, and another revision has its own.
	r.snap.Services = map[string]*route.Service{"s": {Name: "s", Protocol: route.HTTP1, Instances: []route.Instance{
		{ID: "s-2", Addr: addr, Revision: "r2"}}}}
	r.apply()
	get(t, c, edge)
	got = r.counted("x", "s", "")
	if len(got.Revisions) != 2 || got.Revisions[0].Requests != 5 || got.Revisions[1].Requests != 1 || got.Revisions[1].Revision != "r2" {
		t.Errorf("%+v", got)
	}
}

func TestStatsOfRetries(t *testing.T) {
	r := newRig(t)
	c := client(t)
	r.service("s", route.HTTP1, "s-1", dead(t), "s-2", backend(t, text("ok")))
	r.service("none", route.HTTP1)
	edge := r.edge("x", "s", route.Policy{Retries: 1})
	none := r.edge("x", "none", route.Policy{})
	r.apply()
	for r.total("x", "s", "").Retries == 0 { // half of the requests meet the dead one first
		get(t, c, edge)
	}
	if n := r.total("x", "s", ""); n.Errors != 0 || n.Status[2] != n.Requests || n.Retries != 1 {
		t.Errorf("%+v", n)
	}
	get(t, c, none)
	if e := r.counted("x", "none", ""); len(e.Revisions) != 1 || e.Revisions[0].Revision != "" ||
		e.Revisions[0].Errors != 1 || e.Revisions[0].Codes[string(NoReadyInstance)] != 1 || !e.Revisions[0].Upstream.IsZero() {
		t.Errorf("%+v", e)
	}
}

// TestStatsOfFallbacks: the service failed, whoever answered then; and who that is was asked, too.
func TestStatsOfFallbacks(t *testing.T) {
	r := newRig(t)
	c := client(t)
	r.service("other", route.HTTP1, "other-1", backend(t, text("instead")))
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	asks := r.edge("x", "s", route.Policy{Fallback: &route.Fallback{Service: "other"}})
	static := r.edge("y", "s", route.Policy{Fallback: &route.Fallback{Status: 200, Body: "instead"}})
	r.apply()
	for caller, url := range map[string]string{"x": asks, "y": static} {
		if resp, body := get(t, c, url); resp.StatusCode != 200 || body != "instead" {
			t.Fatalf("%s: %d, %s", caller, resp.StatusCode, body)
		}
		e := r.counted(caller, "s", "")
		if n := e.Total(); n.Requests != 1 || n.Errors != 1 || n.Status[2] != 1 || len(e.Revisions) != 1 || e.Revisions[0].Revision != "r1" {
			t.Errorf("%s: %+v", caller, e)
		}
	}
	if n := r.total("x", "other", ""); n.Requests != 1 || n.Errors != 0 || n.Status[2] != 1 || n.Latency.Count() != 1 {
		t.Errorf("%+v", n)
	}
}

// TestStatsOfGRPC: what failed stands in the trailers, or in the head of an answer without a body.
func TestStatsOfGRPC(t *testing.T) {
	r := newRig(t)
	r.service("s", route.H2C, "s-1", grpcService(t, &testService{}))
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	c := grpcClient(t, edge)
	for n, call := range []func() error{
		func() error { _, err := c.UnaryCall(t.Context(), &pb.SimpleRequest{}); return err },
		func() error { // not found: it is the caller who asked for it
			_, err := c.UnaryCall(t.Context(), &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Code: 5}})
			return err
		},
		func() error { // in the head
			_, err := c.UnaryCall(t.Context(), &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Code: 13}})
			return err
		},
		func() error { // in trailers
			st, err := c.StreamingOutputCall(t.Context(), &pb.StreamingOutputCallRequest{ResponseParameters: []*pb.ResponseParameters{{Size: 10}}})
			for err == nil {
				_, err = st.Recv()
			}
			return err
		},
	} {
		err := call()
		if got, want := r.total("x", "s", ""), uint64(max(0, n-1)); got.Errors != want || got.Requests != uint64(n+1) || got.Status[2] != got.Requests {
			t.Errorf("after %v: %d errors, want %d; %+v", err, got.Errors, want, got)
		}
	}
}

// TestStatsOfStrays: requests that no edge is declared for.
func TestStatsOfStrays(t *testing.T) {
	r := newRig(t)
	c := client(t)
	r.service("s", route.HTTP1, "s-1", backend(t, text("ok")))
	refusals := "http://" + r.listen("refuse/x", route.RoleRefuse, "x", "")
	gw := r.gateway(route.Route{Path: "/api", To: "s"})
	r.apply()
	get(t, c, refusals+refusedPrefix+"s/whatever")
	get(t, c, refusals+refusedPrefix+"made-up/whatever")
	get(t, c, gw+"/api/7")
	get(t, c, gw+"/elsewhere")
	conn, err := net.Dial("tcp", strings.TrimPrefix(gw, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "this is HTTP/11\r\n\r\n")
	_, _ = bufio.NewReader(conn).ReadString('\n')

	for _, want := range []struct {
		caller, callee, route string
		code                  Code
		requests              uint64
	}{
		{"x", "s", "", CallRefused, 1},
		{"x", "", "", CallRefused, 1},
		{"gateway", "s", "/api", "", 1},
		{"gateway", "", "", NoRoute, 2},
	} {
		n := r.total(want.caller, want.callee, want.route)
		if n.Requests != want.requests || n.Errors != 0 || want.code != "" && n.Codes[string(want.code)] != 1 {
			t.Errorf("%+v: %+v", want, n)
		}
	}
	if n := r.total("gateway", "", ""); n.Codes[string(BadRequest)] != 1 {
		t.Errorf("%+v", n)
	}
}

// TestStatsOfConnections: TCP and switched connections count as one request, with what they carried.
func TestStatsOfConnections(t *testing.T) {
	r := newRig(t)
	instance := bare(t, func(c *net.TCPConn, br *bufio.Reader) {
		if b, err := br.Peek(1); err == nil && b[0] == 'G' {
			if _, err := http.ReadRequest(br); err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n")
		}
		all, _ := io.ReadAll(br)
		_, _ = c.Write(append(all, all...))
	})
	r.service("db", route.TCP, "db-1", instance)
	r.service("s", route.HTTP1, "s-1", instance)
	r.service("gone", route.TCP, "gone-1", dead(t))
	tcp := strings.TrimPrefix(r.edge("x", "db", route.Policy{}), "http://")
	web := strings.TrimPrefix(r.edge("x", "s", route.Policy{}), "http://")
	gone := strings.TrimPrefix(r.edge("x", "gone", route.Policy{}), "http://")
	r.apply()
	for addr, hello := range map[string]string{
		tcp: "hello", gone: "hello",
		web: "GET / HTTP/1.1\r\nHost: s\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\nhello",
	} {
		c, err := net.Dial("tcp", addr)
		if err != nil && addr == gone { // reset already
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.WriteString(c, hello)
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.ReadAll(c)
		_ = c.Close()
	}
	for callee, class := range map[string]int{"db": 0, "s": 1} {
		eventually(t, "the end of the connection to "+callee, func() bool { return r.total("x", callee, "").Requests == 1 })
		if n := r.total("x", callee, ""); n.BytesIn != 5 || n.BytesOut != 10 || n.Status[class] != 1 || n.Errors != 0 || n.Upstream.Count() != 1 {
			t.Errorf("%s: %+v", callee, n)
		}
	}
	eventually(t, "a connection to nobody", func() bool { return r.total("x", "gone", "").Requests == 1 })
	if n := r.total("x", "gone", ""); n.Requests != 1 || n.Errors != 1 || n.Codes[string(UpstreamConnect)] != 1 || n.Latency.Count() != 0 {
		t.Errorf("%+v", n)
	}
}

// TestStatsOfManyEdges are read in pieces.
func TestStatsOfManyEdges(t *testing.T) {
	r := newRig(t)
	for _, w := range r.e.workers {
		for i := range 2*statsPiece + 1 {
			w.loop.Post(func() {
				l := w.counts.Edge(account.Key{Caller: strings.Repeat("x", i)})
				l.Begin()
				l.End(1, "r1", &account.Outcome{Status: 200})
			})
		}
	}
	s := r.e.Stats()
	if len(s.Edges) != 2*statsPiece+1 || s.Taken.Before(s.Since) {
		t.Fatalf("%d edges", len(s.Edges))
	}
	for _, e := range s.Edges {
		if total := e.Total(); total.Requests != uint64(len(r.e.workers)) {
			t.Errorf("%+v", e)
		}
	}
	r.e.Close()
	if s := r.e.Stats(); len(s.Edges) != 0 {
		t.Errorf("after the end: %d edges", len(s.Edges))
	}
}

// TestStatsDropOldRevisions: those that gave way to another long ago are told apart no more.
func TestStatsDropOldRevisions(t *testing.T) {
	r := newRig(t)
	key := account.Key{Caller: "x", Callee: "s"}
	r.e.loops.Each(func(l *loop.Loop) {
		live := r.e.workers[l.Index].counts.Edge(key)
		for revision, used := range map[string]int64{"r1": -2 * int64(keepRevision), "r2": l.Clock()} {
			live.Begin()
			live.End(used, revision, &account.Outcome{Status: 200})
		}
	})
	loops := uint64(len(r.e.workers))
	if e := r.counted("x", "s", ""); len(e.Revisions) != 2 || e.Past.Requests != 0 {
		t.Errorf("%+v", e)
	}
	if e := r.counted("x", "s", ""); len(e.Revisions) != 1 || e.Revisions[0].Revision != "r2" || e.Past.Requests != loops {
		t.Errorf("%+v", e)
	}
	if n := r.total("x", "s", ""); n.Requests != 2*loops {
		t.Errorf("%+v", n)
	}
}

// spanned is an engine that records spans, with an edge to a service whose
// instances answer with their traceparent.
func spanned(t *testing.T, every bool) (edge string, end func() []account.Span) {
	t.Helper()
	var got []account.Span
	r := newRigWith(t, Options{EverySpan: every, Spans: func(batch []account.Span) { got = append(got, batch...) }})
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.WriteString(w, q.Header.Get("Traceparent"))
	}))
	edge = r.edge("x", "s", route.Policy{})
	r.apply()
	return edge, func() []account.Span { r.stop(); return got }
}

func TestSpans(t *testing.T) {
	edge, end := spanned(t, false)
	c := client(t)
	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	began := time.Now()
	var told []string
	for _, header := range []string{"", "00-" + trace + "-" + parent + "-01", "00-" + trace + "-" + parent + "-00"} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, edge, nil)
		if header != "" {
			req.Header.Set("Traceparent", header)
		}
		_, body := do(t, c, req)
		told = append(told, body)
	}
	spans := end()
	if len(spans) != 2 { // not the one that is not sampled
		t.Fatalf("%+v", spans)
	}
	for _, s := range spans {
		id := "00-" + hex.EncodeToString(s.Trace[:]) + "-" + hex.EncodeToString(s.ID[:]) + "-01"
		child := s.Parent != [8]byte{}
		if child != (id == told[1]) || !child && id != told[0] {
			t.Errorf("%s of parent %x; instances got %q", id, s.Parent, told)
		}
		if child && (hex.EncodeToString(s.Trace[:]) != trace || hex.EncodeToString(s.Parent[:]) != parent) {
			t.Errorf("%+v", s)
		}
		if s.Caller != "x" || s.Callee != "s" || s.Instance != "s-1" || s.Revision != "r1" || s.Status != 200 || s.Tries != 1 || s.Code != "" || s.Failed {
			t.Errorf("%+v", s)
		}
		start := time.Unix(0, s.Start)
		if start.Before(began.Add(-time.Second)) || s.Duration <= 0 || start.Add(s.Duration).After(time.Now().Add(time.Second)) {
			t.Errorf("from %v for %v", start, s.Duration)
		}
	}
}

func TestEverySpan(t *testing.T) {
	edge, end := spanned(t, true)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, edge, nil)
	req.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
	do(t, client(t), req)
	if spans := end(); len(spans) != 1 {
		t.Errorf("%+v", spans)
	}
}

// TestSpansWhileServing are handed on without a full batch or an end.
func TestSpansWhileServing(t *testing.T) {
	got := make(chan account.Span, 1)
	r := newRigWith(t, Options{Spans: func(batch []account.Span) { got <- batch[0] }})
	gw := r.gateway(route.Route{Path: "/api", To: "s"})
	r.service("s", route.HTTP1)
	r.apply()
	get(t, client(t), gw+"/api")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	select {
	case s := <-got:
		if s.Route != "/api" || s.Code != string(NoReadyInstance) || !s.Failed || s.Status != 503 || s.Instance != "" {
			t.Errorf("%+v", s)
		}
	case <-ctx.Done():
		t.Error("no span came")
	}
}
