package link

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
	"pgregory.net/rapid"
)

// text is what a snapshot means, however it came to be.
func text(t rapid.TB, s *route.Snapshot) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sendParts is parts as they come out at the other end of a link.
func sendParts(t rapid.TB, parts []*Part) []*Part {
	t.Helper()
	var wire bytes.Buffer
	for _, p := range parts {
		frame, err := encode(&Message{Part: p})
		if err != nil {
			t.Fatal(err)
		}
		wire.Write(frame)
	}
	came := make([]*Part, 0, len(parts))
	for range parts {
		m, err := decode(&wire)
		if err != nil {
			t.Fatal(err)
		}
		came = append(came, m.Part)
	}
	return came
}

// add gives all parts to a; of the answers only the last may be one.
func add(t rapid.TB, a *Assembler, parts []*Part) (s *route.Snapshot, err error) {
	t.Helper()
	for _, p := range parts {
		if s != nil || err != nil {
			t.Fatalf("an answer before part %d", p.Number)
		}
		s, err = a.Add(p)
	}
	return s, err
}

// manyRoutes is a snapshot of n routes, edges and so on.
func manyRoutes(n int) *route.Snapshot {
	s := &route.Snapshot{Version: route.Version{Epoch: 1, N: 1}, App: "shop", Services: map[string]*route.Service{}, Gateway: &route.Gateway{AccessLog: true}}
	for i := range n {
		name := fmt.Sprint("service-", i)
		p := route.Policy{Timeout: 30 * time.Second, Retries: 1, Breaker: &route.Breaker{FailureRatio: 0.5, MinRequests: 20}}
		s.Listeners = append(s.Listeners, route.Listener{ID: "edge/a/" + name, Role: route.RoleEdge, Caller: "a", Callee: name})
		s.Edges = append(s.Edges, route.Edge{Caller: "a", Callee: name, Policy: p})
		s.Gateway.Routes = append(s.Gateway.Routes, route.Route{Path: "/" + name, To: name, Methods: []string{"GET"}, Policy: p})
		s.Services[name] = &route.Service{Name: name, Protocol: route.HTTP1, Instances: []route.Instance{{ID: name + "-1", Addr: "127.0.0.1:1"}}}
	}
	return s
}

// edited is a list after some edits: elements put in, taken out, exchanged, and moved.
func edited[T any](t *rapid.T, old []T, what string, fresh func() T) []T {
	list := slices.Clone(old)
	at := func(n int) int { return rapid.IntRange(0, n).Draw(t, what+" at") }
	for range rapid.IntRange(0, 5).Draw(t, what+" edits") {
		switch edit := rapid.SampledFrom([]string{"insert", "delete", "change", "move", "double"}).Draw(t, what); {
		case edit == "insert" || len(list) == 0:
			list = slices.Insert(list, at(len(list)), fresh())
		case edit == "delete":
			i := at(len(list) - 1)
			list = slices.Delete(list, i, min(len(list), i+at(40)))
		case edit == "change":
			list[at(len(list)-1)] = fresh()
		case edit == "move":
			i := at(len(list) - 1)
			v := list[i]
			list = slices.Delete(list, i, i+1)
			list = slices.Insert(list, at(len(list)), v)
		default:
			list = append(list, list[at(len(list)-1)])
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list
}

// edit is a snapshot after s.
func edit(t *rapid.T, s *route.Snapshot) *route.Snapshot {
	few := func(what string) string { return fmt.Sprint(what, rapid.IntRange(0, 9).Draw(t, what)) }
	policy := func() (p route.Policy) {
		p.Retries = rapid.IntRange(0, 3).Draw(t, "retries")
		if p.Retries == 0 {
			p.Hedge = &route.Hedge{After: time.Second, Max: 1}
		}
		return p
	}
	next := *s
	next.Version.N++
	next.App = few("app")
	next.Listeners = edited(t, s.Listeners, "listeners", func() route.Listener { return route.Listener{ID: few("id"), Addr: few("addr")} })
	next.Edges = edited(t, s.Edges, "edges", func() route.Edge { return route.Edge{Caller: few("a"), Callee: few("b"), Policy: policy()} })
	next.Services = map[string]*route.Service{}
	for name, svc := range s.Services {
		if rapid.IntRange(0, 9).Draw(t, "leaves") > 0 {
			next.Services[name] = svc
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "services") {
		name := few("service")
		next.Services[name] = &route.Service{Name: name, Instances: make([]route.Instance, rapid.IntRange(0, 200).Draw(t, "instances"))}
	}
	g := route.Gateway{MaxHeader: int64(rapid.IntRange(0, 9).Draw(t, "max header"))}
	if s.Gateway != nil {
		g.Routes = s.Gateway.Routes
	}
	g.Routes = edited(t, g.Routes, "routes", func() route.Route {
		return route.Route{Host: few("host"), Path: few("/"), To: few("to"), Headers: map[string]string{"h": few("v")}, Policy: policy()}
	})
	next.Gateway = &g
	if rapid.IntRange(0, 9).Draw(t, "gateway") == 0 {
		next.Gateway = nil
	}
	return &next
}

// spoil does to parts what must not go unseen.
func spoil(t *rapid.T, parts []*Part) []*Part {
	i := rapid.IntRange(0, len(parts)-1).Draw(t, "part")
	p := parts[i]
	switch rapid.SampledFrom([]string{"lost", "twice", "base", "sum", "rest", "kept"}).Draw(t, "fault") {
	case "lost":
		if i < len(parts)-1 { // without the last there is no answer: its link is dead
			return slices.Delete(parts, i, i+1)
		}
		p.Number++
	case "twice":
		if i > 0 && i < len(parts)-1 {
			return slices.Insert(parts, i, p)
		}
		p.Version.N++
		parts[len(parts)-1].Sum++
	case "base":
		parts[0].Base.N += 1000
	case "sum":
		parts[len(parts)-1].Sum ^= 1 << 40
	case "rest":
		parts[0].Rest = nil
	default:
		for _, p := range parts {
			if len(p.Routes) > 0 {
				p.Routes[0].Keep += rapid.SampledFrom([]int{1, -1, 1 << 62, -1 << 62}).Draw(t, "keep")
				return parts
			}
		}
		parts[0].Sizes.Edges++
	}
	return parts
}

// TestParts: what is put together is what was taken apart, after any edits, and
// after snapshots that were refused or came in parts that do not fit.
func TestParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, a := &Packer{}, &Assembler{}
		s := manyRoutes(rapid.IntRange(0, 60).Draw(t, "routes"))
		for range rapid.IntRange(1, 8).Draw(t, "snapshots") {
			s = edit(t, s)
			fate := rapid.SampledFrom([]string{"applied", "applied", "refused", "spoiled", "new link"}).Draw(t, "fate")
			if fate == "new link" {
				p, a = &Packer{}, &Assembler{}
			}
			parts := sendParts(t, p.Pack(s))
			if fate == "spoiled" {
				if got, err := add(t, a, spoil(t, parts)); !errors.Is(err, ErrParts) || got != nil {
					t.Fatalf("spoiled parts make %+v, %v", got, err)
				}
				p.Forget()
				if parts = sendParts(t, p.Pack(s)); !p.Whole() {
					t.Fatal("it is not sent as a whole")
				}
			}
			got, err := add(t, a, parts)
			if err != nil || text(t, got) != text(t, s) {
				t.Fatalf("%v\n%s\n%s", err, text(t, s), text(t, got))
			}
			if fate != "refused" {
				p.Agree()
				a.Agree()
			}
		}
	})
}

// TestPartsOfAChange: only what changed is sent, and all in small parts.
func TestPartsOfAChange(t *testing.T) {
	p, a := &Packer{}, &Assembler{}
	s := manyRoutes(2000)
	whole := sendParts(t, p.Pack(s))
	for _, part := range whole {
		if n := len(wireText(t, part)); n > 32<<10 {
			t.Errorf("a part of %d bytes", n)
		}
	}
	if _, err := add(t, a, whole); err != nil {
		t.Fatal(err)
	}
	p.Agree()
	a.Agree()
	next, g := *s, *s.Gateway
	next.Version.N++
	g.Routes = slices.Clone(g.Routes)
	g.Routes[700].Policy.Retries = 3
	g.Routes = slices.Delete(g.Routes, 900, 910)
	next.Gateway = &g
	parts := sendParts(t, p.Pack(&next))
	if got, err := add(t, a, parts); err != nil || text(t, got) != text(t, &next) {
		t.Fatal(err)
	}
	if size := len(wireText(t, parts[0])); len(parts) > 1 || size > 1000 {
		t.Errorf("one route of 2,000 is changed by %d parts, the first of %d bytes", len(parts), size)
	}
}

func wireText(t *testing.T, p *Part) []byte {
	t.Helper()
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// BenchmarkParts is what a data plane does for one part of a large snapshot.
func BenchmarkParts(b *testing.B) {
	s := manyRoutes(2000)
	parts := (&Packer{}).Pack(s)
	var wire bytes.Buffer
	for _, p := range parts {
		frame, err := encode(&Message{Part: p})
		if err != nil {
			b.Fatal(err)
		}
		wire.Write(frame)
	}
	b.ReportAllocs()
	for b.Loop() {
		a, r := &Assembler{}, bytes.NewReader(wire.Bytes())
		for range parts {
			m, err := decode(r)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := a.Add(m.Part); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(parts)), "µs/part")
}
