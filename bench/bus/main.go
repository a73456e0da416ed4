//go:build linux

// Command bus measures Banyan's events beside brokers that sync each message:
// nats-server with JetStream, RabbitMQ and Kafka. It measures durable publishes a
// second, of the log alone and by HTTP through the data plane, the time from a
// publish to its delivery, and how fast a backlog is consumed. Run it with
//
//	go run ./bench/bus [-quick] [-only publish] [-json]
//
// README.md says what is measured and how.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/banyanrun/banyan/bench/command"
)

func main() {
	command.Main("bus", func(ctx context.Context, args []string) error {
		if len(args) > 0 && args[0] == serviceArg {
			return serve(ctx)
		}
		return run(ctx, args)
	})
}

// options are what the command line says.
type options struct {
	rounds   int
	duration time.Duration
	warm     time.Duration
	quick    bool
	json     bool
	only     string
	dir      string
	nats     string
	alone    bool
}

func parse(args []string) (*options, error) {
	o := &options{}
	fs := flag.NewFlagSet("bus", flag.ContinueOnError)
	fs.IntVar(&o.rounds, "rounds", 5, "rounds; figures are medians over them")
	fs.DurationVar(&o.duration, "duration", time.Second, "measured time of each contender in each round")
	fs.DurationVar(&o.warm, "warm", 200*time.Millisecond, "time before that which does not count")
	fs.BoolVar(&o.quick, "quick", false, "one short round: under a minute, and rough")
	fs.BoolVar(&o.json, "json", false, "print JSON")
	fs.StringVar(&o.only, "only", "", "publish, latency or consume (default all)")
	fs.StringVar(&o.dir, "dir", os.TempDir(), "`directory` on the disk to measure; what is made there is removed")
	fs.StringVar(&o.nats, "nats", "", "nats-server `binary` (default: built from tools/nats; - for none)")
	fs.BoolVar(&o.alone, "jetstream", false, "leave out RabbitMQ and Kafka")
	if err := command.Parse(fs, args); err != nil {
		return nil, err
	}
	if o.quick {
		o.rounds, o.duration = 1, 500*time.Millisecond
	}
	if o.rounds < 1 || o.duration < 10*time.Millisecond {
		return nil, errors.New("at least one round of 10 ms")
	}
	return o, nil
}

func run(ctx context.Context, args []string) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "banyan-bench-bus-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	b := &bench{options: o, dir: dir, failed: map[string]bool{}}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.open(ctx); err != nil {
		return err
	}
	rep, err := b.measure(ctx)
	if err != nil {
		return err
	}
	if o.json {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(rep)
	}
	rep.print(os.Stdout)
	return nil
}

// goBuild builds a package of this repository, or of a tool's module.
func goBuild(ctx context.Context, dir, name string, args ...string) (string, error) {
	path := filepath.Join(dir, name)
	out, err := exec.CommandContext(ctx, "go", append([]string{"build", "-o", path}, args...)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build %v (run this in the repository's root): %w\n%s", args, err, out)
	}
	return path, nil
}
