package kafka

import (
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// Headers of a record. Attributes come in their order, and as CloudEvents' Kafka
// binding names them (3.2.4, binary content mode).
const (
	// headerRecord has the ID in hexadecimal, the time of acceptance in nanoseconds
	// since 1970, and the window in nanoseconds.
	headerRecord = "banyan-record"
	headerAttr   = "ce_"
	// headerType is that of attribute datacontenttype.
	headerType = "content-type"
	attrType   = "datacontenttype"
)

func encode(topic string, r engine.Record) *kgo.Record {
	headers := make([]kgo.RecordHeader, 0, len(r.Attrs)+1)
	headers = append(headers, kgo.RecordHeader{
		Key: headerRecord, Value: fmt.Appendf(nil, "%x %d %d", r.ID[:], r.Time.UnixNano(), r.Dedup.Nanoseconds()),
	})
	for _, a := range r.Attrs {
		name := headerAttr + a.Name
		if a.Name == attrType {
			name = headerType
		}
		headers = append(headers, kgo.RecordHeader{Key: name, Value: []byte(a.Value)})
	}
	to := &kgo.Record{Topic: topic, Timestamp: r.Time, Headers: headers, Value: append([]byte{}, r.Data...)}
	if r.Key != "" {
		to.Key = []byte(r.Key)
	}
	return to
}

// size is about what a record takes up, and rather more.
func size(r *kgo.Record) int64 {
	n := len(r.Key) + len(r.Value) + 32
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value) + 6
	}
	return int64(n)
}

// decode returns false for a record that encode did not write.
func decode(from *kgo.Record) (r engine.Record, ok bool) {
	for _, h := range from.Headers {
		name, isAttr := strings.CutPrefix(h.Key, headerAttr)
		switch {
		case h.Key == headerRecord:
			var id []byte
			var at, window int64
			if n, err := fmt.Sscanf(string(h.Value), "%x %d %d", &id, &at, &window); n != 3 || err != nil || len(id) != len(r.ID) {
				return r, false
			}
			r.ID, r.Time, r.Dedup, ok = engine.ID(id), time.Unix(0, at).UTC(), time.Duration(window), true
		case h.Key == headerType:
			r.Attrs = append(r.Attrs, engine.Attr{Name: attrType, Value: string(h.Value)})
		case isAttr:
			r.Attrs = append(r.Attrs, engine.Attr{Name: name, Value: string(h.Value)})
		}
	}
	r.Key, r.Data = string(from.Key), from.Value
	return r, ok
}
