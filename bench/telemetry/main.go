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
	"os/signal"
	"runtime/pprof"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "telemetry:", err)
		}
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	spans, logs, peer int
	searches          int
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
	fs.StringVar(&o.only, "only", "", "spans, logs or sqlite (default all)")
	fs.StringVar(&o.dir, "dir", os.TempDir(), "`directory` on the disk to measure; what is made there is removed")
	fs.StringVar(&o.profile, "profile", "", "`file` for a CPU profile")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %s", fs.Arg(0))
	}
	if o.spans < poolSize || o.logs < poolSize || o.peer < 1000 || o.searches < 1 {
		return nil, fmt.Errorf("at least %d spans and logs, 1000 in SQLite, and one search", poolSize)
	}
	return o, nil
}

func run(args []string) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp(o.dir, "bench-telemetry-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	var ours, peer *figures
	for _, part := range []struct {
		name string
		run  func() error
	}{
		{"spans", func() (err error) { ours, err = measureSpans(ctx, o, dir); return err }},
		{"logs", func() error { return measureLogs(ctx, o, dir) }},
		{"sqlite", func() (err error) { peer, err = measureSQLite(ctx, o, dir); return err }},
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
