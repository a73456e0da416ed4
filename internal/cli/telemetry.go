package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/internal/fault"
)

// bundleURL is where the daemon has bundles of telemetry.
const bundleURL = daemonURL + "/telemetry/bundle"

func (p *program) telemetryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "telemetry",
		Short: "Hand traces and logs to somebody as one file, or take such a file in",
		Long: `Hand traces and logs to somebody as one file, or take such a file in: for somebody
who is to look at what happened here, with the tools that he has for his own app.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.telemetryExportCommand(), p.telemetryImportCommand())
	return cmd
}

// bundleTotals is what a bundle holds.
type bundleTotals struct {
	Traces int      `json:"traces"`
	Spans  int      `json:"spans"`
	Logs   int      `json:"logs"`
	Left   []string `json:"left"`
}

func (t *bundleTotals) String() string {
	return fmt.Sprintf("%s with %s, %s", plural(t.Traces, "trace"), plural(t.Spans, "span"), plural(t.Logs, "log record"))
}

// bundle asks the daemon for a bundle, or sends one. The body of what is returned
// must be closed.
func (s *session) bundle(ctx context.Context, method, query string, body io.Reader, size int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, bundleURL+"?"+query, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.ContentLength = size
		req.Header.Set("Content-Type", "application/gzip")
	}
	res, err := s.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fault.New(fault.Unavailable, "the daemon does not answer: %w", err).Fix("try again, or see daemon.log in the state directory")
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer func() { _ = res.Body.Close() }()
	return nil, refusedBundle(res)
}

// refusedBundle is what the daemon says of a bundle that it did not write or take.
func refusedBundle(res *http.Response) error {
	var said struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	switch {
	case err != nil:
		return err
	case res.StatusCode == http.StatusNotFound && json.Unmarshal(body, &said) != nil:
		return fault.New(fault.Unavailable, "the running daemon is another version of Banyan and has no bundles of telemetry").Fix("run `banyan up` with this version")
	case said.Code == "" && json.Unmarshal(body, &said) != nil:
		return fault.New(fault.Unavailable, "the daemon answered %s: %.200s", res.Status, body)
	case said.Code == "invalid_argument":
		return fault.New(fault.Invalid, "%s", said.Message)
	}
	return fault.New(fault.Unavailable, "%s", said.Message)
}
