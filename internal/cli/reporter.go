package cli

import (
	"fmt"
	"io"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/banyanrun/banyan/internal/cli/screen"
	"github.com/banyanrun/banyan/internal/cli/view"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// reporter shows what becomes of an app: rows that are redrawn in place on a
// terminal while it comes up or goes down, lines otherwise.
type reporter struct {
	p   *program
	out io.Writer
	// prefix puts "banyan |" in front of lines, as between log lines.
	prefix bool

	rows   *screen.Screen // nil: lines
	down   bool
	start  time.Time
	tick   int
	last   *banyanv1.Status
	told   *banyanv1.Status // what Changes compares with
	since  map[string]time.Time
	states map[string]banyanv1.State
	names  int // width of log prefixes
}

func (p *program) newReporter(out io.Writer, prefix bool) *reporter {
	r := &reporter{
		p: p, out: out, prefix: prefix, start: p.now(),
		since: map[string]time.Time{}, states: map[string]banyanv1.State{}, names: len("banyan"),
	}
	if p.isTerminal() {
		r.rows = screen.New(p.out)
	}
	return r
}

// From makes st known without saying it: what follows is told as changes of it.
func (r *reporter) From(st *banyanv1.Status) { r.told = st }

// Status takes note of a report, which is the reporter's from now on, and shows it.
func (r *reporter) Status(st *banyanv1.Status) {
	for _, s := range st.GetServices() {
		s.Updating = s.GetUpdating() && !st.GetGoingDown() // nothing is that is on its way out
		if state, ok := r.states[s.GetName()]; !ok || state != s.GetState() {
			r.states[s.GetName()], r.since[s.GetName()] = s.GetState(), r.p.now()
		}
		r.names = max(r.names, view.Width(s.GetName()))
		for _, i := range s.GetInstances() {
			r.names = max(r.names, view.Width(i.GetId()))
		}
	}
	r.last = st
	if r.rows != nil {
		r.draw()
		return
	}
	for _, c := range view.Changes(r.told, st) {
		r.Say(c.Text, c.Style)
		for _, d := range c.Details {
			r.Say("    "+d, view.Plain)
		}
	}
	r.told = st
}

// Stopped shows that nothing runs any more: the daemon, gone itself, cannot say so.
func (r *reporter) Stopped() {
	if r.last == nil {
		return
	}
	st := proto.CloneOf(r.last)
	for _, s := range st.GetServices() {
		switch s.GetState() {
		case banyanv1.State_STATE_LEFT_OUT, banyanv1.State_STATE_COMPLETED, banyanv1.State_STATE_FAILED, banyanv1.State_STATE_SCHEDULED:
		default:
			s.State, s.Reason, s.Ready, s.Instances = banyanv1.State_STATE_STOPPED, "", 0, nil
		}
	}
	r.Status(st)
}

// Tick moves spinners and clocks on.
func (r *reporter) Tick() {
	r.tick++
	if r.rows != nil {
		r.draw()
	}
}

// Say prints a line of Banyan's own, above the rows.
func (r *reporter) Say(text string, style view.Style) {
	text = style.Paint(text, r.p.color)
	if r.prefix && r.rows == nil {
		text = view.Bold.Paint(view.Pad("banyan", r.names)+" |", r.p.color) + " " + text
	}
	r.print(text)
}

// Logs prints records, above the rows.
func (r *reporter) Logs(msg *banyanv1.LogsResponse) {
	o := r.p.logOptions(r.names)
	if msg.GetMissed() > 0 {
		r.Say(missed(msg), view.Yellow)
	}
	for _, rec := range msg.GetRecords() {
		r.names = max(r.names, view.Width(view.Source(rec)))
		o.Names = r.names
		r.print(view.Log(rec, o))
	}
}

func missed(msg *banyanv1.LogsResponse) string {
	return fmt.Sprintf("%d log lines were not shown: they came faster than they could be read", msg.GetMissed())
}

// Lines leaves the rows as they stand and goes on in lines.
func (r *reporter) Lines() {
	if r.rows == nil {
		return
	}
	r.rows.Keep()
	r.rows, r.told = nil, r.last
}

// Hide removes the rows and goes on in lines.
func (r *reporter) Hide() {
	if r.rows != nil {
		_ = r.rows.Clear(r.p.width()) // a terminal that went away has nothing to clear
	}
	r.rows, r.told = nil, r.last
}

// GoingDown shows from now on what stops, first what stops first.
func (r *reporter) GoingDown() {
	if r.down {
		return
	}
	r.down, r.start = true, r.p.now()
	if r.rows == nil && r.p.isTerminal() {
		r.rows = screen.New(r.p.out)
	}
}

func (r *reporter) draw() {
	if r.last == nil {
		return
	}
	width, height, _ := r.p.size()
	lines := view.Progress(r.last, view.Frame{
		Width: width, Height: max(height-1, 1), Color: r.p.color,
		Now: r.p.now(), Start: r.start, Since: r.since, Tick: r.tick, Down: r.down,
	})
	_ = r.rows.Draw(lines, width) // a terminal that went away ends us by a signal
}

func (r *reporter) print(text string) {
	if r.rows != nil {
		_ = r.rows.Clear(r.p.width()) // as in draw
		defer r.draw()
	}
	fmt.Fprintln(r.out, text)
}
