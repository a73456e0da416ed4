package output

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Joiner makes records of lines. It is not safe for concurrent use.
type Joiner struct {
	waiting map[stream]*group
	order   int64
}

// group is lines that wait for others to follow.
type group struct {
	lines []string
	parts int // that the lines came in
	bytes int
	first Line
	last  int64 // when its last line was read
	cut   bool  // its last line goes on
	kind  kind
	order int64 // of groups that began in the same nanosecond
}

// New makes a Joiner that waits for nothing.
func New() *Joiner { return &Joiner{waiting: map[stream]*group{}} }

// Add takes a line, and adds the records that are whole by it to to.
func (j *Joiner) Add(to []signal.Log, l Line) []signal.Log {
	l.clean()
	s := l.stream()
	g := j.waiting[s]
	if g != nil && g.takes(&l) {
		g.add(&l)
		return to
	}
	if g != nil {
		to = append(to, g.record())
		delete(j.waiting, s)
	}
	if l.Lost != 0 {
		return append(to, lost(&l))
	}
	if !l.Cut {
		if record, ok := structured(&l); ok {
			return append(to, record)
		}
	}
	j.order++
	g = &group{first: l, order: j.order}
	g.add(&l)
	j.waiting[s] = g
	return to
}

// Flush adds the records whose last line is older than Quiet to to.
func (j *Joiner) Flush(to []signal.Log, now int64) []signal.Log {
	return j.flush(to, func(g *group) bool { return now-g.last > int64(Quiet) || now < g.last })
}

// End adds the records of an instance to to: it writes no more.
func (j *Joiner) End(to []signal.Log, service, instance string) []signal.Log {
	return j.flush(to, func(g *group) bool {
		return g.first.Resource.Service == service && g.first.Resource.Instance == instance
	})
}

// Close adds all that wait to to.
func (j *Joiner) Close(to []signal.Log) []signal.Log {
	return j.flush(to, func(*group) bool { return true })
}

// Waiting is how many records wait for more lines.
func (j *Joiner) Waiting() int { return len(j.waiting) }

func (j *Joiner) flush(to []signal.Log, is func(*group) bool) []signal.Log {
	var done []*group
	for s, g := range j.waiting {
		if is(g) {
			done = append(done, g)
			delete(j.waiting, s)
		}
	}
	slices.SortFunc(done, func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.first.Time, b.first.Time), cmp.Compare(a.order, b.order))
	})
	for _, g := range done {
		to = append(to, g.record())
	}
	return to
}

// takes reports whether a line goes on where the group ends.
func (g *group) takes(l *Line) bool {
	if l.Lost != 0 || l.Time-g.last > int64(Quiet) || g.parts >= MaxLines || g.bytes+len(l.Text) > MaxBytes {
		return false
	}
	if g.cut {
		return true
	}
	next, ok := g.kind.follow(g, l.Text)
	if ok {
		g.kind = next
	}
	return ok
}

func (g *group) add(l *Line) {
	if n := len(g.lines); g.cut {
		g.lines[n-1] += l.Text
	} else {
		g.lines = append(g.lines, l.Text)
	}
	if len(g.lines) == 1 {
		g.kind = kindOf(g.lines[0])
	}
	g.parts++
	g.bytes += len(l.Text) + 1
	g.last, g.cut = l.Time, l.Cut
}

// record makes one of the group.
func (g *group) record() signal.Log {
	l := g.first
	l.Text = strings.Join(g.lines, "\n")
	if record, ok := structured(&l); ok { // it came in pieces, or is printed prettily
		return record
	}
	record := l.record()
	record.Severity = severityOf(g.lines[0])
	switch {
	case record.Severity != 0:
	case isGoPanic(g.lines[0]):
		record.Severity = signal.SeverityFatal
	case g.kind.isFailure():
		record.Severity = signal.SeverityError
	}
	record.Trace, record.Span = tracesIn(g.lines[0])
	return record
}

// record is the line as it is.
func (l *Line) record() signal.Log {
	name := "stdout"
	if l.Stderr {
		name = "stderr"
	}
	return signal.Log{
		Time: l.Time, Text: l.Text, Resource: l.Resource, Scope: signal.Scope{Name: signal.ScopeOutput},
		Attrs: signal.Attrs{{Key: streamAttr, Value: signal.Text(name)}},
	}
}

// lost is the record of lines that are missing.
func lost(l *Line) signal.Log {
	r := l.record()
	r.Severity = signal.SeverityWarn
	r.Text = strconv.FormatInt(l.Lost, 10) + " lines are missing here: they could not be kept"
	r.Attrs = append(r.Attrs, signal.Attr{Key: lostAttr, Value: signal.Integer(l.Lost)})
	return r
}
