package block

import (
	"bytes"
	"testing"

	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

func sample(kind Kind) []byte {
	b := NewBuilder(kind)
	for i := range 20 {
		if kind == Spans {
			s := genSpan.Example(i)
			b.AddSpan(&s)
		} else {
			l := genLog.Example(i)
			b.AddLog(&l)
		}
	}
	data, err := b.Encode()
	if err != nil {
		panic(err)
	}
	return data
}

// Bytes that are not a block's are an error.
func FuzzOpen(f *testing.F) {
	f.Add(sample(Spans))
	f.Add(sample(Logs))
	f.Add([]byte(magicFirst))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if r, err := open(data); err == nil {
			exercise(r)
		}
	})
}

// A footer whose checksum is right may say anything.
func FuzzFooter(f *testing.F) {
	for _, kind := range []Kind{Spans, Logs} {
		data := sample(kind)
		length := int(order.Uint32(data[len(data)-trailer:]))
		f.Add(data[len(data)-trailer-length:len(data)-trailer], kind == Spans)
	}
	spans, logs := sample(Spans), sample(Logs)
	f.Fuzz(func(_ *testing.T, footer []byte, ofSpans bool) {
		data := logs
		if ofSpans {
			data = spans
		}
		if f, err := parseFooter(footer, int64(len(data))); err == nil {
			r := f.block(section{}).Read(bytes.NewReader(data))
			r.footer = f
			exercise(r)
		}
	})
}

// A section whose checksum is right may hold anything.
func FuzzSection(f *testing.F) {
	for _, kind := range []Kind{Spans, Logs} {
		data := sample(kind)
		r, err := open(data)
		if err != nil {
			f.Fatal(err)
		}
		parts, err := r.loadFooter()
		if err != nil {
			f.Fatal(err)
		}
		for i, s := range parts.sections {
			if raw, err := s.read(r.r); err == nil {
				f.Add(raw, uint8(i), kind == Spans)
			}
		}
	}
	spans, logs := sample(Spans), sample(Logs)
	f.Fuzz(func(t *testing.T, raw []byte, which uint8, ofSpans bool) {
		data := logs
		if ofSpans {
			data = spans
		}
		r, err := open(data)
		if err != nil {
			t.Fatal(err)
		}
		parts, err := r.loadFooter()
		if err != nil {
			t.Fatal(err)
		}
		s := &parts.sections[int(which)%len(parts.sections)]
		s.offset, s.length, s.raw, s.codec, s.sum = int64(len(data)), int64(len(raw)), int64(len(raw)), codecRaw, checksum(raw)
		r.b.fixed = parts.block(r.b.footer).fixed
		r.r = bytes.NewReader(append(bytes.Clone(data), raw...))
		exercise(r)
	})
}

// exercise calls everything; what it returns does not matter.
func exercise(r *Reader) {
	want := Want{Reuse: true}
	if r.Meta().Rows > 1000 {
		return
	}
	if r.Meta().Kind == Spans {
		_ = r.Spans(all(r), want, func(uint32, *signal.Span) bool { return true })
		_, _ = r.Traces(all(r))
		_, _ = r.Summary(signal.TraceID{15: 122})
	} else {
		_ = r.Logs(all(r), want, func(uint32, *signal.Log) bool { return true })
	}
	_, _ = r.OfTrace(signal.TraceID{15: 122})
	_, _ = r.MayTrace(signal.TraceID{15: 122})
	_, _ = r.Times(all(r))
	_ = r.Fields(func(string) bool { return true })
	_ = r.Values("id", func(string) bool { return true })
	for _, field := range []string{"id", match.FieldService, match.FieldName, match.FieldSpan, match.FieldText} {
		m := query{plan: match.Plan{Needs: []match.Need{{Field: field, Text: "5"}, {Condition: match.Word, Text: "x"}}, Exact: true}}
		q := NewQuery(r.Meta().Kind, 0, 0, m)
		_, _ = r.May(q)
		_, _ = r.Select(q)
	}
}
