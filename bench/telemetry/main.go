// Command telemetry measures the store of spans and logs: how many it takes in a
// second on one core, with its log and its blocks, how many bytes they are on disk,
// and how long a trace and searches take among all of them. Rows in SQLite are
// measured in the same run. Run it with
//
//	go run ./bench/telemetry [-spans 10000000] [-only spans]
//
// README.md says what is measured and how.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/banyanrun/banyan/bench/command"
)

func main() { command.Main("telemetry", run) }

// options are what the command line says.
type options struct {
	spans, logs, peer int
	searches          int
	rate, series      int
	steady            time.Duration
	through           int
	jaeger            string
	prometheus        string
	only, dir         string
	profile           string
}

func parse(args []string) (*options, error) {
	o := &options{}
	fs := flag.NewFlagSet("telemetry", flag.ContinueOnError)
	fs.IntVar(&o.spans, "spans", 1_000_000, "spans that are stored")
	fs.IntVar(&o.logs, "logs", 1_000_000, "log records that are stored")
	fs.IntVar(&o.peer, "peer", 100_000, "spans that are stored in SQLite")
	fs.IntVar(&o.searches, "searches", 100, "searches of each kind; figures are the median and the 95th percentile")
	fs.StringVar(&o.prometheus, "prometheus", "", "`binary` of Prometheus, which is measured with the same series")
	fs.StringVar(&o.only, "only", "", "spans, logs, sqlite or programs (default all)")
	fs.IntVar(&o.rate, "rate", 20_000, "spans that programs get in each second")
	fs.IntVar(&o.series, "series", 60_000, "series of metrics that they get beside, every ten seconds")
	fs.DurationVar(&o.steady, "steady", time.Minute, "how long they get these")
	fs.IntVar(&o.through, "through", 1_000_000, "spans that they get as fast as they take them")
	fs.StringVar(&o.jaeger, "jaeger", "", "`binary` of Jaeger v2, which is measured beside the daemon")
	fs.StringVar(&o.dir, "dir", os.TempDir(), "`directory` on the disk to measure; what is made there is removed")
	fs.StringVar(&o.profile, "profile", "", "`file` for a CPU profile")
	if err := command.Parse(fs, args); err != nil {
		return nil, err
	}
	if o.spans < poolSize || o.logs < poolSize || o.peer < 1000 || o.searches < 1 || o.rate < batch || o.series < 10 || o.through < poolSize {
		return nil, fmt.Errorf("at least %d spans and logs, 1000 in SQLite, one search, %d spans a second and 10 series", poolSize, batch)
	}
	return o, nil
}

func run(ctx context.Context, args []string) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "bench-telemetry-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	stop, err := command.Profile(o.profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	var ours, peer *figures
	for _, part := range []struct {
		name string
		run  func() error
	}{
		{"spans", func() (err error) { ours, err = measureSpans(ctx, o, dir); return err }},
		{"logs", func() error { return measureLogs(ctx, o, dir) }},
		{"sqlite", func() (err error) { peer, err = measureSQLite(ctx, o, dir); return err }},
		{"programs", func() error { return measurePrograms(ctx, o, dir) }},
	} {
		if o.only != "" && o.only != part.name {
			continue
		}
		if err := part.run(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	if ours != nil && peer != nil {
		compare(os.Stdout, ours, peer)
	}
	return nil
}
