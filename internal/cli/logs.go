package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/cli/view"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/filter"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// ownSources are the log sources that are no services.
var ownSources = []string{"gateway", "daemon"}

type logsOptions struct {
	names  []string
	follow bool
	since  string
	tail   int32
	json   bool
	filter *filter.Filter // nil: the lines as they are
}

func (p *program) logsCommand() *cobra.Command {
	var o logsOptions
	var taken string
	cmd := &cobra.Command{
		Use:   "logs [SERVICE…]",
		Short: "Show what services wrote, oldest first",
		Long: `Show what services wrote, oldest first. SERVICE is a service, a job, an
instance as ` + "`banyan ps -i`" + ` names it, or one of Banyan's own: gateway (the data
plane, with its access log) and daemon.

With --filter it shows the log records that the filter takes, those that came by
OTLP too: of the last hour, unless --since says otherwise.`,
		Example: "  banyan logs -f\n  banyan logs order payment --since 10m\n  banyan logs gateway --tail 100 --json\n" +
			"  banyan logs order -f --filter 'severity>=warn timeout'",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.names = args
			if cmd.Flags().Changed("filter") {
				var err error
				if o.filter, err = filter.Parse(taken, filter.Logs); err != nil {
					return err
				}
			}
			return p.logs(cmd.Context(), cmd.CommandPath(), o)
		},
		ValidArgsFunction: p.completeServices(0),
	}
	f := cmd.Flags()
	f.BoolVarP(&o.follow, "follow", "f", false, "go on with new lines")
	f.StringVar(&o.since, "since", "", "only what came later: a duration ago (10m, 2d) or a time (2026-11-21T14:00:00Z)")
	f.Int32VarP(&o.tail, "tail", "n", 0, "only the last N lines; 0 for all")
	f.StringVar(&taken, "filter", "", "only records that this `FILTER` takes: severity>=warn, text~timeout, trace=ID, …")
	f.BoolVar(&o.json, "json", false, "print each line as a JSON object")
	_ = cmd.RegisterFlagCompletionFunc("filter", p.completeFilter(banyanv1.Signal_SIGNAL_LOGS)) // it fails for flags that are not there
	return cmd
}

func (p *program) logs(ctx context.Context, command string, o logsOptions) error {
	req, err := p.logsRequest(o)
	if err != nil {
		return usageError{err, command}
	}
	t, err := p.locate("")
	if err != nil {
		return err
	}
	s, st, err := p.reach(ctx, t)
	if err != nil {
		return err
	}
	defer s.close()
	if err := selectSources(req, st, o.names); err != nil {
		return err
	}
	if o.filter != nil {
		return p.filteredLogs(ctx, s, t, st, o, req)
	}
	print := p.logPrinter(st, o.json)
	if !o.follow {
		return readLogs(ctx, s, req, print)
	}
	return p.followLogs(ctx, s, t, req, print)
}

func (p *program) logsRequest(o logsOptions) (*banyanv1.LogsRequest, error) {
	req := &banyanv1.LogsRequest{Follow: o.follow, Tail: o.tail}
	if o.tail < 0 {
		return nil, fmt.Errorf("--tail %d is negative", o.tail)
	}
	if o.since == "" {
		return req, nil
	}
	var err error
	req.Since, err = p.since(o.since)
	return req, err
}

// since reads --since.
func (p *program) since(text string) (*timestamppb.Timestamp, error) {
	if ago, err := appfile.ParseDuration(text); err == nil {
		return timestamppb.New(p.now().Add(-time.Duration(ago))), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, fmt.Errorf("--since %q is neither a duration like 10m nor a time like 2026-11-21T14:00:00Z", text)
	}
	return timestamppb.New(at), nil
}

// selectSources sorts names into services and instances.
func selectSources(req *banyanv1.LogsRequest, st *banyanv1.Status, names []string) error {
	services, instances := map[string]bool{}, map[string]bool{}
	for _, name := range ownSources {
		services[name] = true
	}
	for _, s := range st.GetServices() {
		services[s.GetName()] = true
		for _, i := range s.GetInstances() {
			instances[i.GetId()] = true
		}
	}
	for _, name := range names {
		switch {
		case services[name]:
			req.Services = append(req.Services, name)
		case instances[name]:
			req.Instances = append(req.Instances, name)
		default:
			return fault.New(fault.NotFound, "there is no service %s", name).Fix("services are %s", strings.Join(serviceNames(st), ", "))
		}
	}
	return nil
}

func serviceNames(st *banyanv1.Status) []string {
	var names []string
	for _, s := range st.GetServices() {
		names = append(names, s.GetName())
	}
	return names
}

// logPrinter prints records as they come, prefixes as wide as the names ask for.
func (p *program) logPrinter(st *banyanv1.Status, asJSON bool) func(*banyanv1.LogsResponse) {
	width := 0
	for _, s := range st.GetServices() {
		width = max(width, view.Width(s.GetName()))
	}
	return func(msg *banyanv1.LogsResponse) {
		if msg.GetMissed() > 0 {
			fmt.Fprintln(p.err, "banyan: "+missed(msg))
		}
		for _, rec := range msg.GetRecords() {
			if asJSON {
				fmt.Fprintln(p.out, view.LogJSON(rec))
				continue
			}
			width = max(width, view.Width(view.Source(rec)))
			o := p.logOptions(width)
			o.Time = true
			fmt.Fprintln(p.out, view.Log(rec, o))
		}
	}
}

func (p *program) logOptions(width int) view.LogOptions {
	return view.LogOptions{Names: width, Terminal: p.isTerminal(), Color: p.color, Location: p.now().Location()}
}

func readLogs(ctx context.Context, s *session, req *banyanv1.LogsRequest, print func(*banyanv1.LogsResponse)) error {
	stream, err := s.Logs(ctx, req)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }() // a broken stream has said so already
	for stream.Receive() {
		print(stream.Msg())
	}
	return stream.Err()
}

// followLogs prints until Ctrl-C, which is no failure here, or until the app is down.
func (p *program) followLogs(ctx context.Context, s *session, t target, req *banyanv1.LogsRequest, print func(*banyanv1.LogsResponse)) error {
	signals, stop := p.signals()
	defer stop()
	f := p.follow(ctx, s, t)
	defer f.close()
	f.followLogs(req)
	for {
		select {
		case msg := <-f.Logs:
			print(msg)
		case _, ok := <-f.Statuses:
			if !ok {
				return lastLogs(f, print)
			}
		case <-signals:
			return nil
		}
	}
}

// lastLogs prints what the app wrote while it went down.
func lastLogs(f *feeds, print func(*banyanv1.LogsResponse)) error {
	limit := time.After(farewell)
	for f.err == nil {
		select {
		case msg := <-f.Logs:
			print(msg)
		case <-f.logsEnd:
			return nil
		case <-limit:
			return nil
		}
	}
	return f.err
}
