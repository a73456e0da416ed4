package cloudevent

import (
	"errors"
	"strings"
	"testing"
)

// TestStructured holds the examples of the JSON format, section 3.2, and its rules for data.
func TestStructured(t *testing.T) {
	const attrs = `"specversion" : "1.0", "type" : "com.example.someevent", "source" : "/mycontext", "id" : "1"`
	const want = "type=com.example.someevent source=/mycontext id=1 "
	tests := []struct{ name, members, want string }{
		{"binary data", `, "comexampleothervalue" : 5, "datacontenttype" : "application/vnd.apache.thrift.binary", "data_base64" : "AAEC"`,
			want + "comexampleothervalue=5 datacontenttype=application/vnd.apache.thrift.binary | \x00\x01\x02"},
		{"XML", `, "unsetextension": null, "datacontenttype" : "application/xml", "data" : "<much wow=\"xml\"/>"`,
			want + `datacontenttype=application/xml | <much wow="xml"/>`},
		{"JSON", `, "subject": null, "datacontenttype" : "application/json", "data" : { "a" : "}", "b" : [1, {}] }`,
			want + `datacontenttype=application/json | { "a" : "}", "b" : [1, {}] }`},
		{"number", `, "data" : 1.5`, want + `datacontenttype=application/json | 1.5`},
		{"string is no document", `, "datacontenttype": "text/json", "data" : "{\"a\":1}"`, want + `datacontenttype=text/json | "{\"a\":1}"`},
		{"+json", `, "data" : [], "datacontenttype": "application/geo+json; x=y"`, want + `datacontenttype=application/geo+json; x=y | []`},
		{"null is a payload", `, "data" : null`, want + `datacontenttype=application/json | null`},
		{"no data", ``, want + `| `},
		{"null is no base64", `, "data_base64": null, "data": 1`, want + `datacontenttype=application/json | 1`},
		{"base64 without a type", `, "data_base64": "AA=="`, want + "| \x00"},
		{"base64 of no bytes", `, "data_base64": ""`, want + "| "},
		{"types", `, "a": true, "b": false, "c": -2147483648, "d": -0, "e": ""`, want + `a=true b=false c=-2147483648 d=0 e= | `},
		{"surrogate pair", `, "subj\u0065ct": "\ud83d\ude00\\ud800\"\/"`, want + `subject=😀\ud800"/ | `},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := text(structured(t, "\n{"+attrs+tt.members+" } ")); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestStructuredErrors(t *testing.T) {
	tests := []struct{ body, want string }{
		{`{`, "the body is not JSON: unexpected end of JSON input, at byte 1"},
		{`[]`, "an event is a JSON object"},
		{"{\"a\":\"\xff\"}", "the body is not UTF-8"},
		{`{}`, `attribute "specversion": is missing; write "specversion": "1.0"`},
		{`{"specversion":1.0}`, `attribute "specversion": must be a string`},
		{`{"specversion":null}`, `attribute "specversion": must be 1.0`},
		{`{"specversion":"1.1"}`, `attribute "specversion": "1.1" is not supported; it must be 1.0`},
		{`{"specversion":"1.0","specversion":"1.0"}`, `attribute "specversion": is there twice`},
		{`{"specversion":"1.0","id":"1","id":"2"}`, `attribute "id": is there twice`},
		{`{"specversion":"1.0","data":1,"data":2}`, `data: is there twice`},
		{`{"specversion":"1.0","data":1,"data_base64":""}`, `data_base64: an event has data or data_base64, not both`},
		{`{"specversion":"1.0","data_base64":1}`, `data_base64: must be a string`},
		{`{"specversion":"1.0","data_base64":"AA"}`, `data_base64: is not base64 (RFC 4648, with padding): illegal base64 data at input byte 0`},
		{`{"specversion":"1.0","data_base64":"AB=="}`, `data_base64: is not base64 (RFC 4648, with padding): illegal base64 data at input byte 2`},
		{`{"specversion":"1.0","data":{},"datacontenttype":"text/plain"}`, `data: must be a string, since the datacontenttype text/plain is not JSON`},
		{`{"specversion":"1.0","data":"\ud800","datacontenttype":"text/plain"}`, `data: has half of a surrogate pair`},
		{`{"specversion":"1.0","id":1}`, `attribute "id": must be a string`},
		{`{"specversion":"1.0","id":""}`, `attribute "id": must not be empty`},
		{`{"specversion":"1.0","id":"\ud800"}`, `attribute "id": has half of a surrogate pair`},
		{`{"specversion":"1.0","id":"\ud800\ud800"}`, `attribute "id": has half of a surrogate pair`},
		{`{"specversion":"1.0","id":"\ud800\\\ude00"}`, `attribute "id": has half of a surrogate pair`},
		{`{"specversion":"1.0","id":"\ude00"}`, `attribute "id": has half of a surrogate pair`},
		{`{"specversion":"1.0","x":1.5}`, `attribute "x": 1.5 is no integer of 32 bits; send other numbers as strings`},
		{`{"specversion":"1.0","x":1e3}`, `attribute "x": 1e3 is no integer of 32 bits; send other numbers as strings`},
		{`{"specversion":"1.0","x":2147483648}`, `attribute "x": 2147483648 is no integer of 32 bits; send other numbers as strings`},
		{`{"specversion":"1.0","x":{}}`, `attribute "x": must be a string, a boolean or an integer`},
		{`{"specversion":"1.0","X":null}`, `attribute "X": a name has nothing but the letters a–z and the digits 0–9`},
		{`{"specversion":"1.0","":1}`, `an attribute has no name`},
		{`{"specversion":"1.0","` + strings.Repeat("a", 65) + `":1}`, `attribute "` + strings.Repeat("a", 64) + `…": the name is longer than 64 bytes`},
	}
	for _, tt := range tests {
		_, _, err := Decode(header("Content-Type: "+StructuredType), []byte(tt.body), Limits{})
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s\ngot  %v\nwant %s", tt.body, err, tt.want)
		}
	}
}

func TestBatch(t *testing.T) {
	h := header("Content-Type: " + BatchType)
	events, mode, err := Decode(h, []byte(`[ {"specversion":"1.0","id":"1","data":[1]} , {"id":"2","specversion":"1.0"} ]`), Limits{Events: 2})
	if err != nil || mode != Batch || len(events) != 2 || text(events[0]) != "id=1 datacontenttype=application/json | [1]" || text(events[1]) != "id=2 | " {
		t.Fatalf("%v, %v", events, err)
	}
	if events, _, err := Decode(h, []byte(` [ ] `), Limits{}); err != nil || len(events) != 0 {
		t.Errorf("an empty batch: %v, %v", events, err)
	}

	tests := []struct {
		body, want string
		kind       Kind
		index      int
	}{
		{`{}`, "a batch is a JSON array of events", Invalid, -1},
		{`[{"specversion":"1.0"},5]`, "event 1 of the batch: an event is a JSON object", Invalid, 1},
		{`[{"specversion":"1.0","x":[]}]`, `event 0 of the batch: attribute "x": must be a string, a boolean or an integer`, Invalid, 0},
		{`[{"specversion":"1.0"},{"specversion":"1.0"},{"specversion":"1.0"}]`, "the batch has more than 2 events; split it", BatchTooLarge, -1},
		{`[{"specversion":"1.0"},{"specversion":"1.0","data":"0123456789"}]`, "event 1 of the batch: data: it is larger than 10 bytes; send a reference to it", EventTooLarge, 1},
		{`[` + strings.Repeat(" ", 200) + `]`, "the body is larger than 100 bytes; send less at a time", BatchTooLarge, -1},
	}
	for _, tt := range tests {
		_, _, err := Decode(h, []byte(tt.body), Limits{Events: 2, Data: 10, Body: 100})
		problem, ok := errors.AsType[*Error](err)
		if !ok || problem.Kind != tt.kind || problem.Index != tt.index || err.Error() != tt.want {
			t.Errorf("%s\ngot  %v\nwant %s", tt.body, err, tt.want)
		}
	}
}
