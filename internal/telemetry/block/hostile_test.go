package block

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// hostile is a block whose every record has a name of an attribute, and a service, of
// its own.
func hostile(t *testing.T, rows int) []byte {
	t.Helper()
	b := NewBuilder(Logs)
	for i := range rows {
		b.AddLog(&signal.Log{
			Time: int64(i), Text: "login", Resource: &signal.Resource{Service: fmt.Sprint("service-", i)},
			Attrs: signal.Attrs{{Key: fmt.Sprintf("user.4f3c2b1a-%d.seen", i), Value: signal.Integer(int64(i))}},
		})
	}
	data, err := b.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// However many names a block has, what is kept of it in memory is little.
func TestHostileNames(t *testing.T) {
	const rows, open = 4000, 100
	data := hostile(t, rows)
	blocks := make([]*Block, open)
	before := heap()
	for i := range blocks {
		b, err := Open(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		blocks[i] = b
	}
	if n := (heap() - before) / open; n > 4<<10 {
		t.Errorf("an open block of %d names takes up %d bytes", rows, n)
	}
	for _, need := range []match.Need{
		{Field: "user.4f3c2b1a-77.seen", Text: "77"}, {Field: match.FieldService, Text: "service-77"},
	} {
		r := blocks[open-1].Read(bytes.NewReader(data))
		q := NewQuery(Logs, 0, 0, query{plan: match.Plan{Needs: []match.Need{need}, Exact: true}})
		may, err := r.May(q)
		if err != nil || !may {
			t.Fatalf("%+v: %v, %v", need, may, err)
		}
		if found, err := r.Select(q); err != nil || len(found) != 1 || found[0] != 77 {
			t.Errorf("%+v: %v, %v", need, found, err)
		}
	}
	runtime.KeepAlive(blocks)
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // finalizers of the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A Builder shares no memory with who added: a resource that is overwritten once another
// came does not change what was added.
func TestResourcesAreCopied(t *testing.T) {
	b := NewBuilder(Logs)
	r := &signal.Resource{Service: "order", Attrs: signal.Attrs{{Key: "host", Value: signal.Text("a")}}}
	b.AddLog(&signal.Log{Text: "x", Resource: r})
	b.AddLog(&signal.Log{Text: "y", Resource: &signal.Resource{Service: "pay"}})
	r.Service, r.Attrs[0].Value = "overwritten", signal.Text("b")
	if err := b.Logs([]uint32{0}, Want{}, func(_ uint32, l *signal.Log) bool {
		if l.Resource.Service != "order" || l.Resource.Attrs[0].Value.Text != "a" {
			t.Errorf("%+v", l.Resource)
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
}
