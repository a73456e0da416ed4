package logs

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// The streams of an instance.
const (
	Stdout = "out"
	Stderr = "err"
)

// Record is one line that an instance wrote, or a note that lines are missing.
type Record struct {
	Time     time.Time
	Service  string
	Instance string
	Stream   string // Stdout or Stderr
	// Line is without its newline. Bytes that are no UTF-8 became U+FFFD.
	Line string
	// Cut says that the line goes on in the next record of its stream: it is
	// longer than 64 KiB, or its end was not written within the quiet time.
	Cut bool
	// Lost, if not zero, is a number of lines that are missing here: they did
	// not fit on the disk, or a slow reader of Follow missed them. Line is empty
	// then, and for Follow Instance is, too.
	Lost int64
}

// entry is a line of a segment: a record, a mark with the offsets of all live
// streams, or the end of an instance.
type entry struct {
	Time     time.Time `json:"t,omitzero"`
	Instance string    `json:"i,omitempty"`
	Stream   string    `json:"s,omitempty"`
	Line     string    `json:"l,omitempty"`
	Offset   int64     `json:"o,omitempty"` // in the spool, after this line
	Cut      bool      `json:"c,omitempty"`
	Lost     int64     `json:"lost,omitempty"`

	// A mark: offsets by "instance.stream", and the number of records that the
	// service has had before it.
	Offsets map[string]int64 `json:"offsets,omitempty"`
	N       *int64           `json:"n,omitempty"`

	End string `json:"end,omitempty"` // the instance that ended
}

func (e *entry) isRecord() bool { return e.Stream != "" }

func (e *entry) record(service string) Record {
	return Record{Time: e.Time, Service: service, Instance: e.Instance, Stream: e.Stream,
		Line: e.Line, Cut: e.Cut, Lost: e.Lost}
}

// decode reads one line of a segment. ok is false for what is none: the torn
// end of a crash, or damage.
func decode(line []byte) (e entry, ok bool) {
	if len(line) < 2 || line[0] != '{' {
		return e, false
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return entry{}, false
	}
	if e.Stream != "" && (e.Time.IsZero() || e.Instance == "" || e.Offset < 0) {
		return entry{}, false
	}
	return e, e.isRecord() || e.N != nil || e.End != ""
}

// appendRecord encodes a record by hand: it is the hot path.
func appendRecord(b []byte, e *entry, line []byte) []byte {
	b = append(b, `{"t":"`...)
	b = e.Time.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","i":`...)
	b = appendString(b, []byte(e.Instance))
	b = append(b, `,"s":`...)
	b = appendString(b, []byte(e.Stream))
	b = append(b, `,"l":`...)
	b = appendString(b, line)
	b = append(b, `,"o":`...)
	b = strconv.AppendInt(b, e.Offset, 10)
	if e.Cut {
		b = append(b, `,"c":true`...)
	}
	if e.Lost != 0 {
		b = append(b, `,"lost":`...)
		b = strconv.AppendInt(b, e.Lost, 10)
	}
	return append(b, '}', '\n')
}

func appendJSON(b []byte, e *entry) []byte {
	line, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings and numbers only
	}
	return append(append(b, line...), '\n')
}

const hexDigits = "0123456789abcdef"

// appendString writes s as a JSON string.
func appendString(b, s []byte) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case c == '"' || c == '\\':
				b = append(b, '\\', c)
			case c == '\t':
				b = append(b, '\\', 't')
			case c < ' ' || c == 0x7f:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			default:
				b = append(b, c)
			}
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		b = utf8.AppendRune(b, r) // RuneError where it is no UTF-8
		i += n
	}
	return append(b, '"')
}
