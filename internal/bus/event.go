package bus

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/cloudevent"
)

// Extension attributes with a meaning to the bus.
const (
	// DeliverAt, set by a publisher, is the time (RFC 3339) from which an event counts.
	DeliverAt = "deliverat"
	// Publisher is set by the bus to the service that published the event.
	Publisher = "banyanpublisher"
)

// newID returns a UUID of version 7 (RFC 9562): the time in milliseconds, then chance.
func newID(now time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(b[:6], ms[2:])
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// sequence is a position as publishers and subscribers see it.
func sequence(p engine.Position) string {
	offset := strconv.FormatUint(p.Offset, 10)
	if p.Partition == 0 {
		return offset
	}
	return strconv.Itoa(int(p.Partition)) + "-" + offset
}

// parseSequence undoes sequence.
func parseSequence(s string) (engine.Position, bool) {
	var p engine.Position
	if part, offset, found := strings.Cut(s, "-"); found {
		n, err := strconv.ParseInt(part, 10, 32)
		if err != nil || n < 0 {
			return p, false
		}
		p.Partition, s = int32(n), offset
	}
	offset, err := strconv.ParseUint(s, 10, 64)
	p.Offset = offset
	return p, err == nil
}

// attribute returns an attribute's value, empty if it has none.
func attribute(r *engine.Record, name string) string {
	for _, a := range r.Attrs {
		if a.Name == name {
			return a.Value
		}
	}
	return ""
}

// delivery returns the identity of an event's delivery to a service, which is the
// same however often and why ever it is repeated.
func delivery(topic, service string, r *engine.Record) string {
	sum := sha256.Sum256([]byte(topic + "\x00" + attribute(r, cloudevent.Source) + "\x00" + attribute(r, cloudevent.ID) + "\x00" + service))
	const size = 26 // characters, 130 bits
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:size])
}

// event returns a record as a CloudEvent. They share memory.
func event(r *engine.Record) cloudevent.Event {
	e := cloudevent.Event{Data: r.Data, Attrs: make([]cloudevent.Attr, len(r.Attrs))}
	for i, a := range r.Attrs {
		e.Attrs[i] = cloudevent.Attr(a)
	}
	return e
}
