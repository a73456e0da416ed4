package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/cli/view"
	"github.com/banyanrun/banyan/internal/fault"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// frameTime is how often rows are redrawn at most.
const frameTime = 100 * time.Millisecond

// foreground is an `up` that stays: it shows progress until the app has
// settled, then logs and changes, until it is told to stop.
type foreground struct {
	p       *program
	l       launched
	t       target
	o       upOptions
	r       *reporter
	f       *feeds
	sources *sources // nil without --watch

	generation uint64
	announced  string // what was last said about the whole app
	invited    bool   // the way to the dashboard was told
	logging    bool
	last       *banyanv1.Status
	downs      int
	downDone   chan error
	ctx        context.Context // the command's own
}

func (p *program) upForeground(ctx context.Context, l launched, t target, file *appfile.File, o upOptions, signals <-chan os.Signal) error {
	g := &foreground{
		p: p, l: l, t: t, o: o, ctx: ctx, r: p.newReporter(p.out, true),
		generation: l.applied.GetGeneration(), downDone: make(chan error, 2),
	}
	g.f = p.follow(ctx, l.session, t)
	defer g.f.close()
	if !p.isTerminal() {
		g.startLogs() // nothing is redrawn: logs and progress go together
	}
	if o.watch {
		if err := g.watchSources(file); err != nil {
			return err
		}
		defer g.sources.Close()
	}
	if l.interrupted {
		g.down()
	}
	return g.loop(signals)
}

func (g *foreground) loop(signals <-chan os.Signal) error {
	ticker := time.NewTicker(frameTime)
	defer ticker.Stop()
	statuses := g.f.Statuses
	for {
		select {
		case st, ok := <-statuses:
			switch {
			case ok:
				g.status(st)
			case g.downs > 0:
				statuses = nil // the answer to Down comes next
			default:
				return g.statusEnded()
			}
		case msg := <-g.f.Logs:
			if g.r.rows == nil {
				g.r.Logs(msg)
			}
		case <-ticker.C:
			g.r.Tick()
		case <-g.sources.Changed():
			g.reapply()
		case sig := <-signals:
			if end, err := g.signal(sig); end {
				return err
			}
		case err := <-g.downDone:
			return g.finishDown(err)
		}
	}
}

// status shows a report and, when the app has settled or is stuck, says so and
// goes over to logs.
func (g *foreground) status(st *banyanv1.Status) {
	g.last = st
	if st.GetGoingDown() {
		g.r.GoingDown()
	}
	g.r.Status(st)
	if g.downs > 0 || st.GetGoingDown() || st.GetGeneration() < g.generation {
		return
	}
	switch {
	case st.GetSettled():
		g.announce(upMessage(st), view.Green)
		g.invite()
	case st.GetStuck():
		g.announce(notReady(st)+"; the rest goes on", view.Red)
		g.invite()
	}
}

// announce says how the whole app is, once, and goes over to lines.
func (g *foreground) announce(text string, style view.Style) {
	if g.r.rows != nil {
		g.r.Lines()
		g.startLogs()
	}
	if g.announced == text {
		return
	}
	g.announced = text
	g.r.Say(text, style)
}

func (g *foreground) startLogs() {
	if g.logging {
		return
	}
	g.logging = true
	g.f.followLogs(&banyanv1.LogsRequest{Since: timestamppb.New(g.p.now()), Follow: true})
}

// signal handles one; end is true when the command is over.
func (g *foreground) signal(sig os.Signal) (end bool, err error) {
	if sig == syscall.SIGHUP {
		return true, nil // the terminal is gone, the app stays
	}
	if g.downs >= 2 {
		return true, exit(exitInterrupted)
	}
	g.down()
	return false, nil
}

// down asks the daemon to stop everything; the second time to kill it.
func (g *foreground) down() {
	g.downs++
	force := g.downs > 1
	if force {
		g.r.Say("killing what is left", view.Yellow)
	} else {
		g.r.GoingDown()
		g.r.Say(fmt.Sprintf("stopping %s; Ctrl-C again kills it", g.name()), view.Bold)
	}
	go func() { g.downDone <- g.p.stopAll(g.ctx, g.l.session, g.t, force) }()
}

func (g *foreground) name() string {
	if name := g.last.GetApp(); name != "" {
		return name
	}
	return "the app"
}

// finishDown is the end of a Down.
func (g *foreground) finishDown(err error) error {
	switch {
	case err != nil && !gone(err):
		g.r.Lines()
		return err
	case err != nil && up(g.t.Layout):
		g.r.Lines()
		return fault.New(fault.Unavailable, "the daemon died while it stopped %s", g.name()).Fix("run `banyan down` to stop the rest")
	}
	return g.goodbye()
}

// statusEnded is the end of the reports: somebody else brought the app down.
func (g *foreground) statusEnded() error {
	if g.f.err != nil {
		g.r.Lines()
		return g.f.err
	}
	return g.goodbye()
}

func (g *foreground) goodbye() error {
	g.r.Stopped()
	g.r.Lines()
	g.r.Say(g.name()+" is down", view.Bold)
	return nil
}

func (g *foreground) watchSources(file *appfile.File) error {
	src, err := watchSources(file)
	if err != nil {
		return err
	}
	g.sources = src
	g.r.Say(fmt.Sprintf("watching %s for changes", g.p.short(file.Dir)), view.Dim)
	return nil
}

// reapply applies the file again; one with mistakes is shown and leaves the
// running app alone.
func (g *foreground) reapply() {
	if g.downs > 0 {
		return
	}
	file, err := g.p.load(g.t, g.o.env, g.o.profiles)
	if err != nil {
		text := g.p.problemText(g.t, err)
		if text == "" {
			text = err.Error()
		}
		for l := range strings.Lines(text) {
			g.r.Say(strings.TrimRight(l, "\n"), view.Plain)
		}
		g.r.Say("the app goes on as it was", view.Yellow)
		return
	}
	applied, err := g.p.apply(g.ctx, g.l.session, g.t, file, g.o)
	if err != nil {
		text, _ := explain(err)
		g.r.Say(text, view.Red)
		return
	}
	if err := g.sources.Follow(file); err != nil {
		g.r.Say(err.Error(), view.Yellow)
	}
	if len(applied.GetChanged()) > 0 {
		g.generation, g.announced = applied.GetGeneration(), ""
		g.r.Say("changed: "+strings.Join(applied.GetChanged(), ", "), view.Bold)
	}
}
