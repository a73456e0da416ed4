package h2

import (
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// keeps remembers the fields of the last head.
type keeps struct {
	ignore
	fields []message.Field
}

func (k *keeps) Headers(s *Stream, h *message.Head, _ bool) {
	k.fields = append(k.fields[:0], h.Fields...)
	s.Release()
}

// TestNeverIndexedStaysSo: an intermediary passes the mark on (RFC 7541, 6.2.3).
func TestNeverIndexedStaysSo(t *testing.T) {
	got := &keeps{}
	client, server := New(Config{}, ignore{}), New(Config{Server: true}, got)
	h := &message.Head{Method: []byte("GET"), Authority: []byte("a"), Path: []byte("/")}
	h.Fields = []message.Field{
		{Name: []byte("x-pin"), Value: []byte("1234"), Never: true}, {Name: []byte("x-open"), Value: []byte("1")},
	}
	if _, err := client.Open(h, true); err != nil {
		t.Fatal(err)
	}
	if err := server.Feed(client.Out(), 0); err != nil {
		t.Fatal(err)
	}
	if len(got.fields) != 2 || !got.fields[0].Never || got.fields[1].Never {
		t.Errorf("%+v", got.fields)
	}
}
