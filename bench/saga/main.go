// Command saga measures Banyan's sagas: how many of three HTTP steps are done a
// second with each state durable before the next call, the time from start to end,
// how soon a coordinator goes on that finds many open, and the memory it takes with
// many that have ended. Run it with
//
//	go run ./bench/saga [-quick] [-only rate] [-json]
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
	"time"

	"github.com/banyanrun/banyan/bench/command"
)

func main() { command.Main("saga", run) }

// options are what the command line says.
type options struct {
	rounds   int
	duration time.Duration
	warm     time.Duration
	open     int
	finished int
	quick    bool
	json     bool
	only     string
	dir      string
	profile  string
}

func parse(args []string) (*options, error) {
	o := &options{}
	fs := flag.NewFlagSet("saga", flag.ContinueOnError)
	fs.IntVar(&o.rounds, "rounds", 5, "rounds; figures are medians over them")
	fs.DurationVar(&o.duration, "duration", 2*time.Second, "measured time of each contender in each round")
	fs.DurationVar(&o.warm, "warm", 300*time.Millisecond, "time before that which does not count")
	fs.IntVar(&o.open, "open", 100_000, "sagas that are open when a coordinator starts")
	fs.IntVar(&o.finished, "finished", 100_000, "sagas that have ended and are kept")
	fs.BoolVar(&o.quick, "quick", false, "one short round and a tenth of the sagas: under a minute, and rough")
	fs.BoolVar(&o.json, "json", false, "print JSON")
	fs.StringVar(&o.only, "only", "", "rate, recovery or memory (default all)")
	fs.StringVar(&o.dir, "dir", os.TempDir(), "`directory` on the disk to measure; what is made there is removed")
	fs.StringVar(&o.profile, "profile", "", "`file` for a CPU profile")
	if err := command.Parse(fs, args); err != nil {
		return nil, err
	}
	if o.quick {
		o.rounds, o.duration, o.open, o.finished = 1, time.Second, o.open/10, o.finished/10
	}
	if o.rounds < 1 || o.duration < 10*time.Millisecond || o.open < 1 || o.finished < 1 {
		return nil, errors.New("at least one round of 10 ms, and one saga")
	}
	return o, nil
}

func run(ctx context.Context, args []string) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.dir, err = os.MkdirTemp(o.dir, "banyan-bench-saga-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	stop, err := command.Profile(o.profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	rep, err := measure(ctx, o)
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

// measure measures what the options say.
func measure(ctx context.Context, o *options) (*report, error) {
	rep := &report{Open: o.open, Finished: o.finished}
	for _, part := range []struct {
		name string
		do   func(context.Context, *options, *report) error
	}{{"rate", measureRates}, {"recovery", measureRecovery}, {"memory", measureMemory}} {
		if o.only != "" && o.only != part.name {
			continue
		}
		if err := part.do(ctx, o, rep); err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return rep, nil
}
