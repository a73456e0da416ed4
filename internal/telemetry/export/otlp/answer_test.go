package otlp

import "testing"

func TestReadAnswer(t *testing.T) {
	for _, c := range []struct {
		body    string
		json    bool
		refused int64
		why     string
		fails   bool
	}{
		{"", false, 0, "", false},
		{"", true, 0, "", false},
		{"\x0a\x07\x08\x05\x12\x03old", false, 5, "old", false},
		{"\x0a\x00", false, 0, "", false},
		{"\x0a\x05\x12\x03odd\x7a\x01x", false, 0, "odd", false}, // and a field that is not known
		{"\x0a\x09\x08", false, 0, "", true},
		{"hello", false, 0, "", true},
		{`{}`, true, 0, "", false},
		{`{"partialSuccess":{"rejectedSpans":"5","errorMessage":"old"}}`, true, 5, "old", false},
		{`{"partialSuccess":{"rejectedLogRecords":7}}`, true, 7, "", false},
		{`{"partialSuccess":{"rejectedDataPoints":"many"}}`, true, 0, "", true},
		{`hello`, true, 0, "", true},
	} {
		refused, why, err := readAnswer([]byte(c.body), c.json)
		if refused != c.refused || why != c.why || (err != nil) != c.fails {
			t.Errorf("%q: %d, %q, %v", c.body, refused, why, err)
		}
	}
}
