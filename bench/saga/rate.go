package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

var inFlight = []int{1, 16, 64, 256}

// contender does one saga, or what stands for it.
type contender struct {
	name string
	one  func(ctx context.Context, key string) error
}

// sample is one contender's round.
type sample struct {
	perSecond float64
	cpu       time.Duration // of the process, services too, a saga
	took      []time.Duration
}

func measureRates(ctx context.Context, o *options, rep *report) (err error) {
	s, err := startServices()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r, err := open(ctx, filepath.Join(o.dir, "rate.db"), s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	n, err := openNotebook(ctx, filepath.Join(o.dir, "notebook.db"), s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.db.Close()) }()
	all := []contender{
		{"saga", r.one},
		{"calls and commits", n.one},
		{"calls alone", s.bare},
	}
	var syncs []time.Duration
	samples := map[string][]sample{}
	key := func(name string, callers int) string { return fmt.Sprint(name, callers) }
	for round := range o.rounds {
		for _, callers := range inFlight {
			for i := range all {
				c := all[(i+round)%len(all)]
				got, err := load(ctx, o, c, callers, fmt.Sprintf("%s-%d-%d", c.name, round, callers))
				if err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
				samples[key(c.name, callers)] = append(samples[key(c.name, callers)], got)
			}
		}
		took, err := syncTimes(o.dir)
		if err != nil {
			return err
		}
		syncs = append(syncs, took...)
	}
	for _, callers := range inFlight {
		for _, c := range all {
			rep.Rates = append(rep.Rates, figure(c.name, callers, samples[key(c.name, callers)]))
		}
	}
	rep.Sync = quantilesOf(syncs)
	return nil
}

// load has so many callers do one saga after another.
func load(ctx context.Context, o *options, c contender, callers int, prefix string) (sample, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	begin := time.Now().Add(o.warm)
	end := begin.Add(o.duration)
	var mu sync.Mutex
	var s sample
	var all int
	used := cpuTime()
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			var took []time.Duration
			i := 0
			for ; ctx.Err() == nil; i++ {
				start := time.Now()
				if start.After(end) {
					break
				}
				if err := c.one(ctx, fmt.Sprintf("%s-%d-%d", prefix, caller, i)); err != nil {
					cancel(err)
					return
				}
				if start.After(begin) {
					took = append(took, time.Since(start))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			s.took = append(s.took, took...)
			all += i
		})
	}
	wg.Wait()
	if all > 0 {
		s.cpu = (cpuTime() - used) / time.Duration(all)
	}
	s.perSecond = float64(len(s.took)) / time.Since(begin).Seconds()
	return s, context.Cause(ctx)
}

// cpuTime returns what the process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// syncTimes measures what fsync of 4 KiB takes.
func syncTimes(dir string) ([]time.Duration, error) {
	f, err := os.CreateTemp(dir, "sync")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []time.Duration
	for range 50 {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return nil, err
		}
		start := time.Now()
		if err := f.Sync(); err != nil {
			return nil, err
		}
		all = append(all, time.Since(start))
	}
	return all, nil
}
