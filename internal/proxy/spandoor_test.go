package proxy

import (
	"net/http"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/route"
)

// TestSpansAreSent: a daemon gets spans when it has asked for them, as many messages
// as it asked for, and telemetry that is pushed is no traffic.
func TestSpansAreSent(t *testing.T) {
	s := serve(t)
	l := mustListen(t)
	sock, err := link.SocketOf(l)
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	c, _, _ := s.daemon()
	snap := &route.Snapshot{
		Version:   route.Version{Epoch: 1, N: 1},
		Listeners: []route.Listener{{ID: "edge/x/banyan", Role: route.RoleEdge, Caller: "x", Callee: route.Platform}},
		Edges:     []route.Edge{{Caller: "x", Callee: route.Platform}},
		Services:  map[string]*route.Service{route.Platform: {Name: route.Platform, Protocol: route.HTTP1}},
	}
	_ = c.Send(&link.Message{Sockets: &link.Sockets{IDs: []string{"edge/x/banyan"}}}, sock)
	_ = c.Send(&link.Message{Snapshot: snap})
	if a := receive(t, c).Ack; a == nil || a.Error != "" {
		t.Fatalf("%+v", a)
	}
	client := client(t)
	for _, path := range []string{"/v1/traces", "/v1/topics/a?b=c", "/opentelemetry.proto.collector.trace.v1.TraceService/Export", "/v1/logs?x"} {
		req, err := http.NewRequest(http.MethodPost, "http://"+l.Addr().String()+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	_ = c.Send(&link.Message{SpansRequest: &link.SpansRequest{Messages: 1}})
	m := receive(t, c)
	if m.Spans == nil {
		t.Fatalf("%+v", m)
	}
	spans, err := account.ReadSpans(m.Spans.Data)
	if err != nil || len(spans) != 1 {
		t.Fatalf("%v, %+v", err, spans)
	}
	if sp := spans[0]; sp.Method != "POST" || sp.Path() != "/v1/topics/a" || sp.Caller != "x" || sp.Callee != route.Platform ||
		sp.Status != 503 || sp.Code != string(NoReadyInstance) || sp.Trace[0] != 0x0a || sp.Parent[0] != 0xb7 || sp.Start == 0 {
		t.Errorf("%+v", sp)
	}
	_ = c.Send(&link.Message{StatsRequest: &link.StatsRequest{Seq: 1}})
	st := receive(t, c).Stats
	if st == nil || len(st.Edges) != 1 || st.Edges[0].Revisions[0].Requests != 1 {
		t.Errorf("%+v", st)
	}
}

// TestDoorKeepsToItsCredit: nothing is sent that was not asked for, by sessions that are gone neither.
func TestDoorKeepsToItsCredit(t *testing.T) {
	ended := make(chan struct{})
	d := &spanDoor{wake: make(chan struct{}, 1), ended: ended}
	n := newSession(&serving{}, nil)
	d.grant(n, 2)
	d.send(make([]account.Span, 1))
	d.grant(n, -5)
	d.send(make([]account.Span, 1))
	d.forget(n)
	close(ended)
	d.send(make([]account.Span, 1))
	if got := n.waiting(); got != 2 {
		t.Errorf("%d messages", got)
	}
}
