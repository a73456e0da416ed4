package coordinator

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
)

// origin is what is known of how a saga was started.
type origin struct {
	// Trace is its W3C traceparent.
	Trace string `json:"trace"`
	// Since is where topics ended that it may wait for.
	Since map[string]Places `json:"since,omitempty"`
}

func (o *origin) parse(text []byte) error {
	if err := json.Unmarshal(text, o); err != nil {
		return fault.New(fault.Damaged, "the origin of the saga cannot be read: %w", err)
	}
	return nil
}

// topicPlace is where an event is.
type topicPlace struct {
	topic     string
	partition int32
	offset    uint64
}

// early tells whether an event came before the saga was started.
func (s *saga) early(at *topicPlace) bool {
	return at != nil && at.offset <= s.origin.Since[at.topic][at.partition]
}

var alphabet = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// newID returns 26 letters and digits that sort by time.
func newID(now time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[6:]) // never fails
	binary.BigEndian.PutUint32(b[:], uint32(now.UnixMilli()>>16))
	binary.BigEndian.PutUint16(b[4:], uint16(now.UnixMilli()))
	return alphabet.EncodeToString(b[:])
}

// SpanID is the id of the span that is a saga as a whole. It is the same whenever it is
// asked for: requests of steps name it long before the saga has ended.
func SpanID(id string) (span [8]byte) {
	sum := sha256.Sum256([]byte("span of saga " + id))
	copy(span[:], sum[:])
	return span
}

// newTrace returns a W3C traceparent of a new trace, which begins with a saga.
func newTrace(id string) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	span := SpanID(id)
	return "00-" + hex.EncodeToString(b[:]) + "-" + hex.EncodeToString(span[:]) + "-01"
}
