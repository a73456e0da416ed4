//go:build linux

// Command proxy measures Banyan's data plane beside nginx, HAProxy, Caddy and
// Traefik: the CPU time that each takes for a request, its latency and its
// memory, each doing the same work for the same load. Run it with
//
//	go run ./bench/proxy [-quick] [-only h1,tls] [-peers nginx,haproxy] [-json]
//
// README.md says what is measured, how, and how each peer is configured.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if err := dispatch(os.Args[1:]); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "proxy:", err)
		}
		os.Exit(1)
	}
}

// dispatch tells the roles apart that this binary plays: it starts itself anew
// to be pinned to a core, and to be Banyan.
func dispatch(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case pinArg:
			return pin(args[1:])
		case banyanArg:
			return serveBanyan(args[1:])
		case floorArg:
			return serveFloor(args[1:])
		case loadArg:
			return run(args[1], args[2:])
		}
	}
	return pinLoad(args)
}

// options are what the command line says.
type options struct {
	rounds   int
	duration time.Duration
	warm     time.Duration
	json     bool
	quick    bool
	only     []string
	peers    []string
	before   string
	paths    map[string]*string // of the peers' binaries
}

func parse(args []string) (*options, error) {
	o := &options{warm: 200 * time.Millisecond, paths: map[string]*string{}}
	fs := flag.NewFlagSet("proxy", flag.ContinueOnError)
	fs.IntVar(&o.rounds, "rounds", 5, "rounds; figures are medians over them")
	fs.DurationVar(&o.duration, "duration", 2*time.Second, "measured time of each proxy in each round")
	fs.BoolVar(&o.json, "json", false, "print JSON")
	fs.BoolVar(&o.quick, "quick", false, "fewer cases, one short round: under two minutes, and rough")
	only := fs.String("only", "", "cases whose names begin with one of these, comma-separated (all: "+caseNames()+")")
	chosen := fs.String("peers", "nginx,haproxy,caddy,traefik,floor,untold", "what Banyan is compared with")
	fs.StringVar(&o.before, "before", "", "`binary` of this command built from another tree, whose Banyan is measured, too")
	for _, name := range []string{"nginx", "haproxy", "caddy", "traefik"} {
		o.paths[name] = fs.String(name, name, "path of the `binary`")
	}
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %s", fs.Arg(0))
	}
	if o.quick {
		o.quicken(fs)
	}
	if o.rounds < 1 || o.duration < 10*time.Millisecond {
		return nil, errors.New("at least one round of 10 ms")
	}
	o.only, o.peers = list(*only), list(*chosen)
	return o, nil
}

// quicken shortens what the command line does not set.
func (o *options) quicken(fs *flag.FlagSet) {
	set := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { set[f.Name] = true })
	if !set["rounds"] {
		o.rounds = 1
	}
	if !set["duration"] {
		o.duration = 500 * time.Millisecond
	}
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// run measures; it is pinned to the load's core already.
func run(proxyCPU string, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "banyan-bench-proxy-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b, err := newBench(ctx, o, proxyCPU, dir)
	if err != nil {
		return err
	}
	if !o.json {
		b.heading()
	}
	rep, err := b.measure()
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
