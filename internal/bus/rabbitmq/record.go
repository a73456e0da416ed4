package rabbitmq

import (
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
)

// Headers of a message. Attributes are named as in CloudEvents' AMQP binding
// (3.1.3.1), and datacontenttype is the message's content type.
const (
	// headerRecord has the record's label and the attributes' names in order, with
	// commas: headers have none.
	headerRecord = "banyan-record"
	headerOffset = "banyan-offset"
	headerKey    = "banyan-key"
	headerAttr   = "cloudEvents_"
	attrType     = "datacontenttype"
)

// largestHeader is how many bytes of headers fit into one frame, with what AMQP
// adds to each: they cannot be divided, and 128 KiB is what servers allow.
const largestHeader = 120 << 10

// encode returns a message that lacks its offset. The data is copied, since the
// message may wait for longer than its publisher does.
func encode(r engine.Record) amqp.Publishing {
	m := amqp.Publishing{Headers: amqp.Table{}, DeliveryMode: amqp.Persistent, Body: append([]byte{}, r.Data...)}
	names := make([]string, len(r.Attrs))
	for i, a := range r.Attrs {
		names[i] = a.Name
		if a.Name == attrType && len(a.Value) < 256 {
			m.ContentType = a.Value
			continue
		}
		m.Headers[headerAttr+a.Name] = a.Value
	}
	m.Headers[headerRecord] = remote.Label(r) + " " + strings.Join(names, ",")
	if r.Key != "" {
		m.Headers[headerKey] = r.Key
	}
	return m
}

// headerSize is about what the headers of a record take up in a frame, and rather more.
func headerSize(r engine.Record) int {
	n := 256
	for _, a := range r.Attrs {
		n += 2*len(a.Name) + len(a.Value) + len(headerAttr) + 8
	}
	return n + len(r.Key)
}

// decode returns false for a message that was not published by Banyan.
func decode(m *amqp.Delivery) (s engine.Stored, ok bool) {
	text, _ := m.Headers[headerRecord].(string)
	r, names, ok := remote.ReadLabel(text)
	offset, _ := m.Headers[headerOffset].(int64)
	if !ok || offset <= 0 {
		return s, false
	}
	r.Key, _ = m.Headers[headerKey].(string)
	if names != "" {
		for name := range strings.SplitSeq(names, ",") {
			value, there := m.Headers[headerAttr+name].(string)
			if !there {
				if name != attrType {
					return s, false
				}
				value = m.ContentType
			}
			r.Attrs = append(r.Attrs, engine.Attr{Name: name, Value: value})
		}
	}
	r.Data = m.Body
	return engine.Stored{Position: engine.Position{Offset: uint64(offset)}, Record: r}, true
}
