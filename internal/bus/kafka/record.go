package kafka

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
)

// Headers of a record. Attributes come in their order, and as CloudEvents' Kafka
// binding names them (3.2.4, binary content mode).
const (
	// headerRecord has the record's label.
	headerRecord = "banyan-record"
	headerAttr   = "ce_"
	// headerType is that of attribute datacontenttype.
	headerType = "content-type"
	attrType   = "datacontenttype"
)

func encode(topic string, r engine.Record) *kgo.Record {
	headers := make([]kgo.RecordHeader, 0, len(r.Attrs)+1)
	headers = append(headers, kgo.RecordHeader{
		Key: headerRecord, Value: []byte(remote.Label(r)),
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
			label, _, known := remote.ReadLabel(string(h.Value))
			if !known {
				return r, false
			}
			r.ID, r.Time, r.Dedup, ok = label.ID, label.Time, label.Dedup, true
		case h.Key == headerType:
			r.Attrs = append(r.Attrs, engine.Attr{Name: attrType, Value: string(h.Value)})
		case isAttr:
			r.Attrs = append(r.Attrs, engine.Attr{Name: name, Value: string(h.Value)})
		}
	}
	r.Key, r.Data = string(from.Key), from.Value
	return r, ok
}
