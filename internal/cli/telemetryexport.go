package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/internal/cli/view"
	"github.com/banyanrun/banyan/internal/fault"
)

type exportOptions struct {
	filter, since string
	traces        []string
}

func (p *program) telemetryExportCommand() *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write traces and logs to a file that somebody else can import",
		Long: `Write traces and logs to a file that somebody else can import: the traces of which
--filter takes a span, whole and with their logs, and the log records that it takes
by themselves; or with --trace single traces.

The file holds what the services said, as it is: attributes and texts of logs may
have in them what is not for everybody. It is a tar, packed by gzip, of
OpenTelemetry's JSON; docs/telemetry-format.md says how to read it without Banyan.`,
		Example: "  banyan telemetry export --since 30m --filter 'status=error' errors.tar.gz\n" +
			"  banyan telemetry export --trace 4bf92f3577b34da6a3ce929d0e0e4736 slow.tar.gz",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			query, err := p.bundleQuery(cmd, &o)
			if err != nil {
				return usageError{err, cmd.CommandPath()}
			}
			return p.exportTelemetry(cmd.Context(), query, args[0])
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.filter, "filter", "", "only what the `FILTER` takes, such as 'service=order status=error'")
	f.StringVar(&o.since, "since", "1h", "only what came later: a duration ago (10m, 2d) or a time (2026-11-21T14:00:00Z)")
	f.StringArrayVar(&o.traces, "trace", nil, "this trace and nothing else, by its `ID`; may be given several times")
	return cmd
}

// bundleQuery is what is asked for.
func (p *program) bundleQuery(cmd *cobra.Command, o *exportOptions) (string, error) {
	if len(o.traces) > 0 {
		if o.filter != "" || cmd.Flags().Changed("since") {
			return "", errors.New("--trace is by itself: it goes with neither --filter nor --since")
		}
		return url.Values{"trace": o.traces}.Encode(), nil
	}
	from, err := p.since(o.since)
	if err != nil {
		return "", err
	}
	return url.Values{
		"filter": {o.filter}, "start": {from.AsTime().Format(time.RFC3339Nano)}, "end": {p.now().UTC().Format(time.RFC3339Nano)},
	}.Encode(), nil
}

func (p *program) exportTelemetry(ctx context.Context, query, path string) error {
	to := p.readable(path)
	if _, err := os.Stat(to); err == nil {
		return fault.New(fault.Invalid, "there is a file %s already", path).Fix("name another one, or remove it")
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s, _, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	res, err := s.bundle(ctx, http.MethodGet, query, nil, 0)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	totals, size, err := saveBundle(res, to)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%s: %s, %s\n", path, totals, view.Bytes(size))
	for _, left := range totals.Left {
		fmt.Fprintln(p.err, "banyan: left out: "+left)
	}
	return nil
}

// saveBundle writes a bundle, which is there under its name when it is whole. Only
// this user may read it: what is in it was not made for others.
func saveBundle(res *http.Response, path string) (*bundleTotals, int64, error) {
	temp := path + ".part"
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, 0, err
	}
	var totals bundleTotals
	n, err := io.Copy(f, res.Body)
	if text := res.Trailer.Get("Banyan-Totals"); err == nil {
		if err = json.Unmarshal([]byte(text), &totals); err != nil {
			err = errors.New("it ended early")
		}
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temp, path)
		return &totals, n, err
	}
	err = fault.New(fault.Unavailable, "the bundle is not complete: %w", err).Fix("try again; daemon.log in the state directory may say more")
	return nil, 0, errors.Join(err, os.Remove(temp))
}
