package cloudevent

import (
	"net/http"
	"strings"
	"testing"
)

var sample = []byte(`{"specversion":"1.0","id":"0198c2c0-0000-7000-8000-000000000000","source":"/services/order",` +
	`"type":"order.placed","subject":"4711","time":"2026-11-21T20:00:00Z","datacontenttype":"application/json",` +
	`"data":{"order":4711,"lines":[{"sku":"a","n":1},{"sku":"b","n":2}],"note":"` + strings.Repeat("x", 150) + `"}}`)

func BenchmarkStructured(b *testing.B) {
	h := header("Content-Type: " + StructuredType)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Decode(h, sample, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBinary(b *testing.B) {
	events, _, _ := Decode(header("Content-Type: "+StructuredType), sample, Limits{})
	h := http.Header{}
	events[0].WriteHeader(h)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Decode(h, events[0].Data, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	events, _, _ := Decode(header("Content-Type: "+StructuredType), sample, Limits{})
	var buffer []byte
	h := http.Header{}
	b.ReportAllocs()
	for b.Loop() {
		events[0].WriteHeader(h)
		buffer = events[0].AppendJSON(buffer[:0])
	}
}
