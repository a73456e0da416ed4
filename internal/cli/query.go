package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/cli/view"
	"github.com/banyanrun/banyan/internal/fault"
)

// promAPI is where the daemon answers as Prometheus does.
const promAPI = daemonURL + "/prometheus/api/v1/"

// rangePoints is how many points a range has if no --step was given.
const rangePoints = 60

func (p *program) queryCommand() *cobra.Command {
	var since, step string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "query PROMQL",
		Short: "Ask for metrics, in PromQL",
		Long: `Ask for metrics, in PromQL: as they are now, or with --since how they were from
then on. docs/telemetry.md names the metrics that there are without set-up.`,
		Example: "  banyan query 'sum by (callee) (rate(banyan_requests_total[1m]))'\n" +
			"  banyan query banyan_instance_memory_bytes --since 1h --step 5m",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, form, err := p.promQuery(args[0], since, step)
			if err != nil {
				return usageError{err, cmd.CommandPath()}
			}
			return p.query(cmd.Context(), path, form, asJSON)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.StringVar(&since, "since", "", "from when on: a duration ago (10m, 2d) or a time (2026-11-21T14:00:00Z)")
	f.StringVar(&step, "step", "", "with --since: the time between two values (15s, 5m)")
	f.BoolVar(&asJSON, "json", false, "print the answer as JSON, as Prometheus writes it")
	return cmd
}

// promQuery is what is asked: how it is now, or how it was.
func (p *program) promQuery(query, since, step string) (path string, form url.Values, err error) {
	form = url.Values{"query": {query}}
	if since == "" {
		if step != "" {
			return "", nil, fmt.Errorf("--step %s goes with --since", step)
		}
		form.Set("time", promTime(p.now()))
		return "query", form, nil
	}
	from, err := p.since(since)
	if err != nil {
		return "", nil, err
	}
	every := max(time.Second, (p.now().Sub(from.AsTime()) / rangePoints).Round(time.Second))
	if step != "" {
		d, err := appfile.ParseDuration(step)
		if err != nil || d <= 0 {
			return "", nil, fmt.Errorf("--step %q is no duration like 15s", step)
		}
		every = time.Duration(d)
	}
	form.Set("start", promTime(from.AsTime()))
	form.Set("end", promTime(p.now()))
	form.Set("step", strconv.FormatFloat(every.Seconds(), 'f', -1, 64))
	return "query_range", form, nil
}

// promTime is a time as Prometheus takes it: seconds since 1970.
func promTime(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64)
}

func (p *program) query(ctx context.Context, path string, form url.Values, asJSON bool) error {
	s, _, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	answer, err := s.prom(ctx, path, form)
	if err != nil {
		return err
	}
	if asJSON {
		var b bytes.Buffer
		if err := json.Indent(&b, answer, "", "  "); err != nil {
			return err
		}
		fmt.Fprintln(p.out, b.String())
		return nil
	}
	var res view.PromResult
	if err := json.Unmarshal(answer, &res); err != nil {
		return fmt.Errorf("the daemon's answer is not Prometheus': %w", err)
	}
	for _, l := range view.Prom(&res, view.PromOptions{Width: p.width(), Color: p.color, Now: p.now()}) {
		fmt.Fprintln(p.out, l)
	}
	for _, w := range append(res.Warnings, res.Infos...) {
		fmt.Fprintln(p.err, "banyan: "+w)
	}
	return nil
}

// mostAnswer bounds what is read of an answer, in bytes.
const mostAnswer = 256 << 20

// prom asks the daemon as one would ask Prometheus. What is wrong with the query is
// a fault with the code Invalid.
func (s *session) prom(ctx context.Context, path string, form url.Values) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, promAPI+path+"?"+form.Encode(), nil)
	if err != nil {
		return nil, err
	}
	res, err := s.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fault.New(fault.Unavailable, "the daemon does not answer").Fix("try again, or see daemon.log in the state directory")
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer))
	if err != nil {
		return nil, err
	}
	var said struct {
		ErrorType string `json:"errorType"`
		Error     string `json:"error"`
	}
	switch err := json.Unmarshal(body, &said); {
	case res.StatusCode == http.StatusOK && err == nil:
		return body, nil
	case res.StatusCode == http.StatusNotFound && err != nil:
		return nil, fault.New(fault.Unavailable, "the running daemon is another version of Banyan and has no metrics").Fix("run `banyan up` with this version")
	case said.Error == "":
		return nil, fault.New(fault.Internal, "the daemon answered %s", res.Status).Fix("see daemon.log in the state directory")
	case said.ErrorType == "bad_data":
		return nil, fault.New(fault.Invalid, "%s", strings.TrimPrefix(said.Error, `invalid parameter "query": `)) // there is one alone
	default:
		return nil, fault.New(fault.Unavailable, "%s", said.Error)
	}
}
