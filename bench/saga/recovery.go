package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/saga/store"
)

// fill makes sagas as a coordinator leaves them when it is killed: in their first
// call, or ended.
func fill(ctx context.Context, path string, count int, ended bool) (err error) {
	def, err := define()
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Acquire(ctx); err != nil {
		return err
	}
	if err := s.Define(ctx, store.Definition{Digest: def.Digest, Name: def.Name, Text: def.Source()}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	numbers := make(chan int)
	var wg sync.WaitGroup
	for range 512 {
		wg.Go(func() {
			for n := range numbers {
				row, err := filled(def, fmt.Sprintf("filled-%08d", n), ended)
				if err == nil {
					_, _, err = s.Create(ctx, store.Change{Saga: row, Log: []byte(`[{"what":"started"}]`)})
				}
				if err != nil {
					cancel(err)
				}
			}
		})
	}
	for n := range count {
		numbers <- n
	}
	close(numbers)
	wg.Wait()
	return context.Cause(ctx)
}

// measureRecovery is the time from the start of a coordinator to the first saga
// that is further than before, and how many have ended a while later.
func measureRecovery(ctx context.Context, o *options, rep *report) (err error) {
	path := filepath.Join(o.dir, "open.db")
	if err := fill(ctx, path, o.open, false); err != nil {
		return err
	}
	s, err := startServices()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	start := time.Now()
	r, err := open(ctx, path, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	select {
	case <-r.store.writes:
	case <-ctx.Done():
		return ctx.Err()
	}
	rep.FirstProgress = time.Since(start).Seconds()
	if err := sleep(ctx, recoveryFor); err != nil {
		return err
	}
	count, err := r.Count(ctx)
	rep.EndedLater = count[machine.Succeeded]
	return err
}

// recoveryFor is how long is watched what becomes of sagas that were open.
const recoveryFor = 10 * time.Second

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// measureMemory is what a coordinator adds to the process with many sagas that have ended.
func measureMemory(ctx context.Context, o *options, rep *report) (err error) {
	path := filepath.Join(o.dir, "finished.db")
	if err := fill(ctx, path, o.finished, true); err != nil {
		return err
	}
	s, err := startServices()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	before := heap()
	r, err := open(ctx, path, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	for n := range 100 { // it is in use
		if err := r.one(ctx, fmt.Sprint("memory-", n)); err != nil {
			return err
		}
	}
	rep.HeapMiB = float64(heap()-before) / (1 << 20)
	rep.ResidentMiB, err = resident()
	if info, statErr := os.Stat(path); statErr == nil {
		rep.FileMiB = float64(info.Size()) / (1 << 20)
	}
	return err
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// resident returns what the process has in memory, in MiB; zero where that is not told.
func resident() (float64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if errors.Is(err, fs.ErrNotExist) { // not Linux
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	pages, err := strconv.ParseFloat(fields[1], 64)
	return pages * float64(os.Getpagesize()) / (1 << 20), err
}
