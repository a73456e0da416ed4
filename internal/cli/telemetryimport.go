package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"
)

func (p *program) telemetryImportCommand() *cobra.Command {
	var name string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Take in a file of traces and logs that somebody exported",
		Long: `Take in a file of traces and logs that somebody exported. They are kept beside the
app's own, with the attribute banyan.bundle, by which the filter of ` + "`banyan traces`" + `,
` + "`banyan logs`" + ` and the dashboard finds them. They are in no metric, on no map, and set off
no alert. A file that is damaged is refused as a whole. Traces that the app has
already are left out. What is imported ages as if it were the app's own.`,
		Example: "  banyan telemetry import errors.tar.gz\n  banyan telemetry import --name from-ann errors.tar.gz",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.importTelemetry(cmd.Context(), args[0], name, asJSON)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "`NAME` to find it by (default the one that the file has)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what came of it as JSON")
	return cmd
}

// imported is what the daemon says of an import.
type imported struct {
	bundleTotals

	Bundle      string     `json:"bundle"`
	Filter      string     `json:"filter"`
	KnownTraces int        `json:"known_traces"`
	TooOld      int        `json:"too_old"`
	From        *time.Time `json:"from"`
	KeptUntil   *time.Time `json:"kept_until"`
}

func (p *program) importTelemetry(ctx context.Context, path, name string, asJSON bool) error {
	f, err := os.Open(p.readable(path))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it is read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	s, _, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	res, err := s.bundle(ctx, http.MethodPost, url.Values{"name": {name}}.Encode(), f, info.Size())
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	var answer json.RawMessage
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return fmt.Errorf("the daemon's answer cannot be read: %w", err)
	}
	if asJSON {
		fmt.Fprintln(p.out, string(answer))
		return nil
	}
	var i imported
	if err := json.Unmarshal(answer, &i); err != nil {
		return fmt.Errorf("the daemon's answer cannot be read: %w", err)
	}
	p.tellImport(&i)
	return nil
}

func (p *program) tellImport(i *imported) {
	fmt.Fprintf(p.out, "%s: %s\n", i.Bundle, &i.bundleTotals)
	if i.From != nil && i.Spans > 0 {
		fmt.Fprintf(p.out, "`banyan traces --since %s '%s'` shows the traces", i.From.Format(time.RFC3339), i.Filter)
		if i.KeptUntil != nil {
			fmt.Fprintf(p.out, "; by their age they are kept until %s", i.KeptUntil.Format(time.RFC3339))
		}
		fmt.Fprintln(p.out)
	}
	if i.KnownTraces > 0 {
		fmt.Fprintf(p.err, "banyan: left out: %s that the app has already\n", plural(i.KnownTraces, "trace"))
	}
	if i.TooOld > 0 {
		fmt.Fprintf(p.err, "banyan: left out: %s that are older than the app keeps telemetry\n", plural(i.TooOld, "record"))
	}
	for _, left := range i.Left {
		fmt.Fprintln(p.err, "banyan: the bundle does not have: "+left)
	}
}
