package otlp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// field is a field that has a length.
func field(number protowire.Number, in ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), bytes.Join(in, nil))
}

// request is a span with fields, as a request has it.
func request(span ...[]byte) []byte { return field(1, field(2, field(2, span...))) }

// nested is a value of n values in each other.
func nested(n int) []byte {
	b := field(1, []byte("x"))
	for range n - 1 {
		b = field(5, field(1, b))
	}
	return b
}

func jsonSpan(members string) []byte {
	return fmt.Appendf(nil, `{"resourceSpans":[{"scopeSpans":[{"spans":[{%s}]}]}]}`, members)
}

const goodMembers = `"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","startTimeUnixNano":"1800000000000000000"`

// corpus are requests that are not OTLP's, and what is said of them; empty: they
// are taken all the same.
var corpus = []struct {
	name string
	text bool
	body []byte
	want string
}{
	{"truncated", false, request(field(5, []byte("name")))[:9], "unexpected EOF"},
	{"a length too long", false, []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f}, "unexpected EOF"},
	{"a length that is negative", false, []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, "unexpected EOF"},
	{"a number that does not end", false, bytes.Repeat([]byte{0xff}, 11), "unexpected EOF"},
	{"no field", false, []byte{0x00, 0x00}, "no number"},
	{"a field of another type", false, []byte{0x08, 0x01}, "wrong wireType"},
	{"a name of another type", false, request([]byte{0x28, 0x01}), "wrong wireType"},
	{"a group", false, []byte{0x0b, 0x0c}, "wire type 3"},
	{"a wire type that is none", false, []byte{0x0f}, "wire type 7"},
	{"a short trace_id", false, request(field(1, []byte{1, 2, 3})), "invalid TraceID length"},
	{"a long span_id", false, request(field(2, make([]byte, 9))), "invalid SpanID length"},
	{"a field nobody knows", false, request(field(99, []byte("?"))), ""},
	{"an old sender's field", false, field(1, field(1000, field(2, nil))), ""},
	{"deep values", false, request(field(9, field(2, nested(maxDepth+1)))), "nested"},
	{"very deep values", false, request(field(9, field(2, nested(3_000)))), "nested"},
	{"values just so deep", false, request(field(9, field(2, nested(maxDepth)))), ""},
	{"a name that is not UTF-8", false, request(field(5, []byte("\xff\xfe"))), ""},
	{"JSON as protobuf", false, jsonSpan(goodMembers), "wire type 3"},

	{"protobuf as JSON", true, request(field(5, []byte("name"))), "invalid character"},
	{"JSON that ends early", true, jsonSpan(goodMembers)[:60], "unexpected end of JSON"},
	{"more than JSON", true, append(jsonSpan(goodMembers), "{}"...), "after top-level value"},
	{"a list", true, []byte(`[]`), "expect {"},
	{"ids in base64", true, jsonSpan(`"traceId":"AQIDBAUGBwgJCgsMDQ4PEA==","spanId":"AQIDBAUGBwg="`), "length mismatch"},
	{"ids that are no hex", true, jsonSpan(`"traceId":"zz02030405060708090a0b0c0d0e0f10"`), "invalid byte"},
	{"a number that is none", true, jsonSpan(`"startTimeUnixNano":"soon"`), "invalid syntax"},
	{"a number too large", true, jsonSpan(`"startTimeUnixNano":"99999999999999999999"`), "out of range"},
	{"spans that are no list", true, []byte(`{"resourceSpans":{"a":1}}`), "ReadArray"},
	{"nothing where something is", true, []byte(`{"resourceSpans":[null]}`), ""},
	{"members nobody knows", true, jsonSpan(goodMembers + `,"colour":{"a":[1,{}]}`), ""},
	{"names with underscores", true, []byte(`{"resource_spans":[]}`), ""},
	{"deep JSON", true, []byte(strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000)), "nested"},
	{"very deep JSON", true, bytes.Repeat([]byte("["), 1_000_000), "nested"},
	{"a string that is not UTF-8", true, jsonSpan(goodMembers + ",\"name\":\"\xff\""), ""},
	{"a string that ends in an escape", true, []byte(`{"a":"\`), "in string escape"},
}

func TestMalformed(t *testing.T) {
	for _, c := range corpus {
		t.Run(c.name, func(t *testing.T) {
			w := post(t, &sink{}, "/v1/traces", formFor(c.text).mediaType(), c.body)
			if c.want == "" {
				if w.Code != 200 {
					t.Errorf("%d %s", w.Code, w.Body)
				}
				return
			}
			if w.Code != 400 || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%d %s, want %s", w.Code, w.Body, c.want)
			}
			if code := procedureCode(t, formFor(c.text), c.body); code != "invalid_argument" {
				t.Errorf("a procedure answers %s", code)
			}
			for _, path := range []string{"/v1/logs", "/v1/metrics"} { // whatever it is there
				if w := post(t, &sink{}, path, formFor(c.text).mediaType(), c.body); w.Code != 200 && w.Code != 400 {
					t.Errorf("%s: %d %s", path, w.Code, w.Body)
				}
			}
		})
	}
}

// procedureCode is what Connect's protocol answers of a body that is gRPC's too.
func procedureCode(t *testing.T, f form, body []byte) string {
	t.Helper()
	q := httptest.NewRequestWithContext(t.Context(), http.MethodPost, kinds[0].procedure, bytes.NewReader(body))
	q.Header.Set("Content-Type", "application/"+codec{f}.Name())
	w := httptest.NewRecorder()
	newReceiver(&sink{}).ServeFrom(w, q, "order")
	var answer struct{ Code string }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err, w.Body)
	}
	return answer.Code
}

// partly are requests of which a record is not taken, and why. The others are.
var partly = []struct {
	name, members, want string
}{
	{"no trace_id", `"spanId":"0102030405060708","startTimeUnixNano":"1"`, "no trace_id"},
	{"a trace_id of zeros", `"traceId":"00000000000000000000000000000000","spanId":"0102030405060708","startTimeUnixNano":"1"`, "no trace_id"},
	{"no span_id", `"traceId":"0102030405060708090a0b0c0d0e0f10","startTimeUnixNano":"1"`, "no span_id"},
	{"no time", `"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708"`, "neither"},
	{"a time too far", goodMembers + `,"endTimeUnixNano":"18446744073709551615"`, "2262"},
	{"an end before the start", goodMembers + `,"endTimeUnixNano":"5"`, ""},
	{"an event of another time", goodMembers + `,"events":[{"timeUnixNano":"18446744073709551615","name":"x"}]`, ""},
	{"a kind that is none", goodMembers + `,"kind":99,"status":{"code":99}`, ""},
	{"a link to nowhere", goodMembers + `,"links":[{}]`, ""},
}

// TestPartly: well-formed requests with records that make no sense.
func TestPartly(t *testing.T) {
	for _, c := range partly {
		body := fmt.Appendf(nil, `{"resourceSpans":[{"scopeSpans":[{"spans":[{%s},{%s}]}]}]}`, c.members, goodMembers)
		s := &sink{}
		w := post(t, s, "/v1/traces", jsonType, body)
		want := 2
		if c.want != "" {
			want = 1
		}
		if w.Code != http.StatusOK || len(s.spans) != want || (c.want == "") != (w.Body.String() == "{}") || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s, %d spans", c.name, w.Code, w.Body, len(s.spans))
		}
		for i := range s.spans {
			if s.spans[i].End < s.spans[i].Start {
				t.Errorf("%s: %+v", c.name, s.spans[i])
			}
		}
	}
}

// TestTruncated: each beginning of a request is refused or taken, and nothing breaks.
func TestTruncated(t *testing.T) {
	for _, f := range []form{binary, text} {
		body := encode(t, someTraces(2), f)
		for i := range body {
			spans, _, err := readSpans(f, body[:i], "order")
			if err == nil && len(spans) == 2 {
				t.Errorf("%d of %d bytes have all spans", i, len(body))
			}
		}
	}
}
