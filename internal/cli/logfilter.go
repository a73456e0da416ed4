package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/banyanrun/banyan/internal/cli/view"
	"github.com/banyanrun/banyan/internal/telemetry/filter"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// logsPage is how many records are asked for at a time; the daemon returns no more.
const logsPage = 5000

// tailMost is how many earlier records a tail begins with at most.
const tailMost = 1000

// filteredLogs shows log records that a filter takes, of the services and
// instances that the request names.
func (p *program) filteredLogs(ctx context.Context, s *session, t target, st *banyanv1.Status, o logsOptions, named *banyanv1.LogsRequest) error {
	taken := filterOf(o.filter, named)
	print := p.entryPrinter(st, o.json)
	if o.follow {
		req := &banyanv1.TailLogsRequest{Filter: taken, Last: tailMost}
		if o.tail > 0 {
			req.Last = min(o.tail, tailMost)
		}
		return p.followFiltered(ctx, s, t, req, named.GetSince(), print)
	}
	req := &banyanv1.SearchLogsRequest{Filter: taken, From: named.GetSince(), To: timestamppb.New(p.now()), Limit: logsPage, OldestFirst: true}
	if o.tail == 0 {
		found := false
		err := s.searchLogs(ctx, req, func(page []*banyanv1.LogEntry) bool {
			found = found || len(page) > 0
			print(page)
			return true
		})
		return p.toldNone(found, err)
	}
	req.OldestFirst, req.Limit = false, min(o.tail, logsPage)
	var last []*banyanv1.LogEntry
	err := s.searchLogs(ctx, req, func(page []*banyanv1.LogEntry) bool {
		last = append(last, page...)
		return len(last) < int(o.tail)
	})
	last = last[:min(len(last), int(o.tail))]
	slices.Reverse(last)
	print(last)
	return p.toldNone(len(last) > 0, err)
}

// toldNone says it where there was nothing to print.
func (p *program) toldNone(found bool, err error) error {
	if !found && err == nil {
		fmt.Fprintln(p.err, "banyan: the filter takes no record of this time; --since goes further back")
	}
	return err
}

// filterOf is a filter that also asks for services and instances.
func filterOf(asked *filter.Filter, named *banyanv1.LogsRequest) string {
	var sources []string
	for _, name := range named.GetServices() {
		sources = append(sources, fmt.Sprintf("service=%q", name))
	}
	for _, id := range named.GetInstances() {
		sources = append(sources, fmt.Sprintf("instance=%q", id))
	}
	if len(sources) == 0 {
		return asked.String()
	}
	from := "(" + strings.Join(sources, " or ") + ")"
	if asked.String() == "" {
		return from
	}
	return from + " (" + asked.String() + ")"
}

// searchLogs yields pages until there are no more, or yield has enough.
func (s *session) searchLogs(ctx context.Context, req *banyanv1.SearchLogsRequest, yield func([]*banyanv1.LogEntry) bool) error {
	for {
		page, err := s.SearchLogs(ctx, req)
		if err != nil {
			return err
		}
		if !yield(page.GetLogs()) || page.GetNext() == "" {
			return nil
		}
		req.Cursor = page.GetNext()
	}
}

// followFiltered prints until Ctrl-C or until the app is down.
func (p *program) followFiltered(
	ctx context.Context, s *session, t target, req *banyanv1.TailLogsRequest, since *timestamppb.Timestamp, print func([]*banyanv1.LogEntry),
) error {
	var seen time.Time
	if since != nil {
		seen = since.AsTime().Add(-1)
	}
	return p.untilDown(ctx, s, t, func(ctx context.Context) error { return p.tailLogs(ctx, s, req, &seen, print) }, func() { req.Last = tailMost })
}

// tailLogs prints what the daemon sends; of what it sends at first, what is later
// than what was seen.
func (p *program) tailLogs(ctx context.Context, s *session, req *banyanv1.TailLogsRequest, seen *time.Time, print func([]*banyanv1.LogEntry)) error {
	stream, err := s.TailLogs(ctx, req)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }() // a broken stream has said so already
	known := *seen
	for earlier := int(req.GetLast()); stream.Receive(); {
		msg := stream.Msg()
		if msg.GetMissed() > 0 {
			fmt.Fprintf(p.err, "banyan: %d records are left out: they came faster than they were shown\n", msg.GetMissed())
		}
		logs := msg.GetLogs()
		if n := min(earlier, len(logs)); n > 0 {
			earlier -= n
			later := slices.DeleteFunc(slices.Clone(logs[:n]), func(e *banyanv1.LogEntry) bool { return !e.GetTime().AsTime().After(known) })
			logs = append(later, logs[n:]...)
		}
		print(logs)
		for _, e := range logs {
			if at := e.GetTime().AsTime(); at.After(*seen) {
				*seen = at
			}
		}
	}
	return stream.Err()
}

// entryPrinter prints records as they come, prefixes as wide as the names ask for.
func (p *program) entryPrinter(st *banyanv1.Status, asJSON bool) func([]*banyanv1.LogEntry) {
	width := 0
	for _, s := range st.GetServices() {
		width = max(width, view.Width(s.GetName()))
	}
	return func(entries []*banyanv1.LogEntry) {
		for _, e := range entries {
			if asJSON {
				fmt.Fprintln(p.out, view.EntryJSON(e))
				continue
			}
			width = max(width, view.Width(view.EntrySource(e)))
			o := p.logOptions(width)
			o.Time = true
			for _, l := range view.Entry(e, o) {
				fmt.Fprintln(p.out, l)
			}
		}
	}
}
