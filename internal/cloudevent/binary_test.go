package cloudevent

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestBinary(t *testing.T) {
	tests := []struct {
		name, body string
		header     http.Header
		want       string
	}{
		{"the specification's example", `{"a":1}`, header(
			"ce-specversion: 1.0", "ce-type: com.example.someevent", "ce-time: 2018-04-05T03:56:24Z",
			"ce-id: 1234-1234-1234", "ce-source: /mycontext/subcontext", "Content-Type: application/json; charset=utf-8"),
			`datacontenttype=application/json; charset=utf-8 id=1234-1234-1234 source=/mycontext/subcontext ` +
				`time=2018-04-05T03:56:24Z type=com.example.someevent | {"a":1}`},
		{"nothing but a version", "", header("ce-specversion: 1.0"), "| "},
		{"extension, no type", "\x00\xff", binaryHeader("ce-comexampleext1: value"), "comexampleext1=value id=1 source=/s type=t | \x00\xff"},
		{"JSON is opaque", "{", binaryHeader("Content-Type: application/json"), "datacontenttype=application/json id=1 source=/s type=t | {"},
		{"empty extension", "", binaryHeader("ce-x: "), "id=1 source=/s type=t x= | "},
		{"other headers", "", binaryHeader("Cex: 1", "Ce-: 2", "Accept: 3"), "id=1 source=/s type=t | "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := text(one(t, tt.header, tt.body)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestHeaderValues(t *testing.T) {
	tests := []struct{ in, want string }{
		{"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"}, // the specification's example
		{"%e2%82%ac", "€"},
		{"%41%2d", "A-"}, // needlessly encoded
		{"%2541", "%41"}, // one round only
		{`"a b\"c\\d"`, `a b"c\d`},
		{`"%20\%20"`, "  "},
		{`a"b"c`, `a"b"c`},
		{"plain €", "plain €"},
	}
	for _, tt := range tests {
		e := one(t, binaryHeader("ce-x: "+tt.in), "")
		if got, _ := e.Get("x"); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestBinaryErrors(t *testing.T) {
	tests := []struct {
		name   string
		header http.Header
		want   string
	}{
		{"no version", header("ce-id: 1"), `attribute "specversion": is missing; send the header ce-specversion: 1.0`},
		{"0.3", header("ce-specversion: 0.3"), `attribute "specversion": "0.3" is not supported; it must be 1.0`},
		{"overlong UTF-8", binaryHeader("ce-x: %C0%A0"), `attribute "x": what is percent-encoded is not UTF-8`},
		{"a surrogate", binaryHeader("ce-x: %ED%A0%80"), `attribute "x": what is percent-encoded is not UTF-8`},
		{"raw bytes", binaryHeader("ce-x: \xff"), `attribute "x": is not UTF-8`},
		{"a percent sign", binaryHeader("ce-x: 100%"), `attribute "x": a % is not followed by two hexadecimal digits; a percent sign is written %25`},
		{"no hex", binaryHeader("ce-x: %4g"), `attribute "x": a % is not followed by two hexadecimal digits; a percent sign is written %25`},
		{"control", binaryHeader("ce-x: a%0Ab"), `attribute "x": the character U+000A is not allowed`},
		{"C1 control", binaryHeader("ce-x: %C2%85"), `attribute "x": the character U+0085 is not allowed`},
		{"noncharacter", binaryHeader("ce-x: %EF%BF%BE"), `attribute "x": the character U+FFFE is not allowed`},
		{"noncharacter in the middle", binaryHeader("ce-x: %EF%B7%90"), `attribute "x": the character U+FDD0 is not allowed`},
		{"open quote", binaryHeader(`ce-x: "a`), `attribute "x": the closing quote is missing`},
		{"after the quote", binaryHeader(`ce-x: "a"b`), `attribute "x": something follows the closing quote`},
		{"twice", binaryHeader("ce-x: 1", "ce-x: 2"), `attribute "x": the header is there more than once`},
		{"content type in both", binaryHeader("ce-datacontenttype: a/b"),
			`attribute "datacontenttype": in binary mode it is the header Content-Type, and ce-datacontenttype must not be there`},
		{"content type", binaryHeader("Content-Type: json"),
			`attribute "datacontenttype": "json" is no media type as in application/json (RFC 2046)`},
		{"name", binaryHeader("ce-a-b: 1"), `attribute "a-b": a name has nothing but the letters a–z and the digits 0–9`},
		{"data as an attribute", binaryHeader("ce-data: 1"), `data: is not an attribute that can be set`},
		{"empty id", header("ce-specversion: 1.0", "ce-id: "), `attribute "id": must not be empty`},
		{"empty subject", binaryHeader("ce-subject: "), `attribute "subject": must not be empty`},
		{"time", binaryHeader("ce-time: yesterday"), `attribute "time": "yesterday" is no time as in 2026-01-31T12:00:00Z (RFC 3339)`},
		{"schema", binaryHeader("ce-dataschema: /a"), `attribute "dataschema": "/a" is no absolute URI (RFC 3986)`},
		{"schema's scheme", binaryHeader("ce-dataschema: 1a:b"), `attribute "dataschema": "1a:b" is no absolute URI (RFC 3986)`},
		{"source", header("ce-specversion: 1.0", "ce-source: /a%20b"),
			`attribute "source": "/a b" is no URI (RFC 3986): the character ' ' has to be percent-encoded`},
		{"source's percent", header("ce-specversion: 1.0", "ce-source: /a%2520b%25"),
			`attribute "source": "/a%20b%" is no URI (RFC 3986): a % is not followed by two hexadecimal digits`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := Decode(tt.header, nil, Limits{})
			problem, ok := errors.AsType[*Error](err)
			if !ok || problem.Kind != Invalid || problem.Index != -1 || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestModes(t *testing.T) {
	tests := []struct {
		header http.Header
		mode   Mode
		want   string // part of the error
	}{
		{header("Content-Type: Application/CloudEvents+JSON; charset=UTF-8", "ce-id: 1"), Structured, ""},
		{header("Content-Type: application/cloudevents-batch+json"), Batch, ""},
		{header("Content-Type: application/json"), Plain, ""},
		{header("Content-Type: Application/JSON; charset=utf-8"), Plain, ""},
		{header("Content-Type: application/json", "ce-id: 1"), Binary, ""},
		{header("ce-id: 1"), Binary, ""},
		{header("Content-Type: text/plain"), 0, "without ce- headers is no event"},
		{header(), 0, "without ce- headers is no event"},
		{header("Content-Type: application/cloudevents+avro", "ce-id: 1"), 0, "is not taken"},
		{header("Content-Type: application/cloudevents+json; charset=latin1"), 0, "JSON is UTF-8"},
		{header("Content-Type: a/b", "Content-Type: c/d"), 0, "more than once"},
		{header("Content-Type: application/json", "Content-Encoding: identity"), Plain, ""},
		{header("Content-Type: a/b", "ce-id: 1", "Content-Encoding: gzip"), 0, `the Content-Encoding "gzip" is not taken`},
	}
	for _, tt := range tests {
		mode, err := ModeOf(tt.header)
		if tt.want == "" {
			if err != nil || mode != tt.mode {
				t.Errorf("%v: mode %v, %v; want %v", tt.header, mode, err, tt.mode)
			}
			continue
		}
		if problem, ok := errors.AsType[*Error](err); !ok || problem.Kind != MediaType || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: got %v, want %s", tt.header, err, tt.want)
		}
	}
}

func TestPlain(t *testing.T) {
	h := header("Content-Type: application/json; charset=utf-8")
	if got, want := text(one(t, h, ` [1] `)), "datacontenttype=application/json; charset=utf-8 |  [1] "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, body := range []string{"", "{", "1 2"} {
		if _, _, err := Decode(h, []byte(body), Limits{}); err == nil || !strings.Contains(err.Error(), "is not JSON") {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// TestBodies: no more is read of a body than has to be known to be too large.
func TestBodies(t *testing.T) {
	limits := Limits{Body: 100, Data: 10}
	tests := []struct {
		name   string
		header http.Header
		size   int
		kind   Kind
		read   int
	}{
		{"fits", binaryHeader(), 10, -1, 10},
		{"data", binaryHeader(), 1000, EventTooLarge, 11},
		{"plain", header("Content-Type: application/json"), 1000, EventTooLarge, 11},
		{"structured", header("Content-Type: " + StructuredType), 1000, EventTooLarge, 101},
		{"batch", header("Content-Type: " + BatchType), 1000, BatchTooLarge, 101},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := bytes.NewReader(bytes.Repeat([]byte("1"), tt.size))
			r := httptest.NewRequest(http.MethodPost, "/", body)
			r.Header = tt.header
			_, _, err := Read(r, limits)
			problem, _ := errors.AsType[*Error](err)
			if tt.kind < 0 && err != nil || tt.kind >= 0 && (problem == nil || problem.Kind != tt.kind) {
				t.Errorf("got %v", err)
			}
			if read := tt.size - body.Len(); read != tt.read {
				t.Errorf("%d bytes were read, want %d", read, tt.read)
			}
		})
	}

	broken := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("1"), failing{}))
	broken.Header = binaryHeader()
	if _, _, err := Read(broken, limits); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a body that breaks off: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
