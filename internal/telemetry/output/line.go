package output

import (
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Bounds of a record.
const (
	MaxLines = 500
	MaxBytes = 256 << 10
	// Quiet is how long after a line another can belong to it.
	Quiet = 200 * time.Millisecond
)

// Line is a line of an instance, without its newline.
type Line struct {
	Time int64 // when it was read, in nanoseconds since 1970
	// Resource is the instance. Not nil, and the same for all its lines.
	Resource *signal.Resource
	// Stderr tells the instance's two streams apart.
	Stderr bool
	Text   string
	// Cut says that the line goes on in the next of its stream.
	Cut bool
	// Lost, if not zero, is how many lines are missing here. There is no text then.
	Lost int64
}

// Attributes of what was written.
const (
	streamAttr = "log.iostream"
	lostAttr   = "banyan.lost_lines"
)

// stream is where lines follow each other.
type stream struct {
	service, instance string
	stderr            bool
}

func (l *Line) stream() stream { return stream{l.Resource.Service, l.Resource.Instance, l.Stderr} }
