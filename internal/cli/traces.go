package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/internal/cli/view"
	"github.com/banyanrun/banyan/internal/telemetry/filter"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// mostTraces is how many the daemon returns at most.
const mostTraces = 1000

func (p *program) tracesCommand() *cobra.Command {
	req := &banyanv1.SearchTracesRequest{}
	var since string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "traces [FILTER]",
		Short: "Show the app's traces: requests with all that they set off",
		Long: `Show the app's traces, the newest first: those with a span that FILTER takes, of
the last hour. A filter is terms such as service=order, status=error,
duration>200ms, http.route=/orders/* or a word to search for; docs/telemetry.md
has all of it. What the shell would take for its own stands in single quotes.`,
		Example: "  banyan traces 'service=order status=error'\n  banyan traces --slowest --since 10m 'duration>200ms not kind=consumer'",
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Filter = strings.Join(args, " ")
			_, err := filter.Parse(req.GetFilter(), filter.Spans)
			if err != nil {
				return err
			}
			if req.From, err = p.since(since); err == nil && (req.GetLimit() < 1 || req.GetLimit() > mostTraces) {
				err = fmt.Errorf("--limit %d is not from 1 to %d", req.GetLimit(), mostTraces)
			}
			if err != nil {
				return usageError{err, cmd.CommandPath()}
			}
			return p.traces(cmd.Context(), req, asJSON)
		},
		ValidArgsFunction: p.completeFilter(banyanv1.Signal_SIGNAL_TRACES),
	}
	f := cmd.Flags()
	f.StringVar(&since, "since", "1h", "only what came later: a duration ago (10m, 2d) or a time (2026-11-21T14:00:00Z)")
	f.Int32Var(&req.Limit, "limit", 50, fmt.Sprintf("`HOW MANY` to show at most, up to %d", mostTraces))
	f.BoolVar(&req.SlowestFirst, "slowest", false, "the slowest first")
	f.BoolVar(&asJSON, "json", false, "print each as a JSON object on a line")
	return cmd
}

func (p *program) traces(ctx context.Context, req *banyanv1.SearchTracesRequest, asJSON bool) error {
	s, _, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	res, err := s.SearchTraces(ctx, req)
	if err != nil {
		return err
	}
	if asJSON {
		for _, t := range res.GetTraces() {
			fmt.Fprintln(p.out, view.TraceSummaryJSON(t))
		}
		return nil
	}
	if len(res.GetTraces()) == 0 {
		fmt.Fprintln(p.out, noTraces(req, res))
		return nil
	}
	for _, l := range view.Traces(res.GetTraces(), p.traceOptions()) {
		fmt.Fprintln(p.out, l)
	}
	if res.GetMore() {
		fmt.Fprintln(p.err, "banyan: there are more; --limit says how many are shown")
	}
	return nil
}

func (p *program) traceOptions() view.TraceOptions {
	return view.TraceOptions{Width: p.width(), Color: p.color, Now: p.now()}
}

func noTraces(req *banyanv1.SearchTracesRequest, res *banyanv1.SearchTracesResponse) string {
	if req.GetFilter() == "" {
		return "there are no traces of this time; every request between services and through the gateway makes one"
	}
	return fmt.Sprintf("no trace of this time has a span that the filter takes; %d spans were looked at", res.GetScannedSpans())
}

func (p *program) traceCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "trace ID",
		Short: "Show a trace: its spans as a tree and in time, and its logs",
		Long: `Show a trace: its spans as a tree, when each was and how long it took, what failed,
and the log records that belong to it. Where a part of it is not known to belong
together, that is said.`,
		Example: "  banyan trace 4bf92f3577b34da6a3ce929d0e0e4736",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.Trim(args[0], "0123456789abcdefABCDEF") != "" || len(args[0]) > 32 {
				err := errors.New("ID is not a trace's: it has up to 32 hexadecimal digits")
				return usageError{err, cmd.CommandPath()}
			}
			return p.trace(cmd.Context(), args[0], asJSON)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print all of it as JSON (banyan.v1.GetTraceResponse)")
	return cmd
}

func (p *program) trace(ctx context.Context, id string, asJSON bool) error {
	s, _, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	res, err := s.GetTrace(ctx, &banyanv1.GetTraceRequest{TraceId: id})
	if err != nil {
		return err
	}
	if asJSON {
		return p.printJSON(res)
	}
	for _, l := range view.Trace(res, p.traceOptions()) {
		fmt.Fprintln(p.out, l)
	}
	return nil
}

// completeFilter offers what the daemon says may stand where the cursor is. The
// words before it are a part of the filter, too, if they are arguments.
func (p *program) completeFilter(of banyanv1.Signal) completion {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		const how = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		t, err := p.locate("")
		if err != nil {
			return nil, how
		}
		before := ""
		if of == banyanv1.Signal_SIGNAL_TRACES && len(args) > 0 {
			before = strings.Join(args, " ") + " "
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeTime)
		defer cancel()
		s := dial(t.ControlSocket)
		defer s.close()
		text := before + typed
		res, err := s.Complete(ctx, &banyanv1.CompleteRequest{Signal: of, Filter: text, Position: int32(len(text))})
		from := int(res.GetFrom())
		if err != nil || from < len(before) || from > len(text) {
			return nil, how
		}
		var all []cobra.Completion
		for _, one := range res.GetSuggestions() {
			all = append(all, cobra.CompletionWithDesc(text[len(before):from]+one.GetText(), one.GetDetail()))
		}
		return all, how
	}
}
