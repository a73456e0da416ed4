package metrics

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// syncEvery is how often what was appended is made to survive a loss of power.
// Prometheus itself leaves that to the operating system, which takes half a minute.
const syncEvery = time.Second

// syncer syncs the log at most once each syncEvery, and not where nothing was appended.
type syncer struct {
	dir   string
	dirty chan struct{} // has room for one
}

func (y *syncer) touch() {
	select {
	case y.dirty <- struct{}{}:
	default:
	}
}

// run syncs until ctx ends, and calls then each time. Failed is told of each error.
func (y *syncer) run(ctx context.Context, then func(context.Context) error, failed func(error)) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		select {
		case <-ctx.Done():
			return
		case <-y.dirty:
		}
		if err := errors.Join(y.sync(), then(ctx)); err != nil {
			failed(err)
		}
		pause.Reset(syncEvery)
	}
}

// sync syncs the last two segments of the log: one may have just been full.
func (y *syncer) sync() error {
	segments, err := y.segments()
	if err != nil {
		return err
	}
	for _, name := range segments[max(0, len(segments)-2):] {
		if err := syncFile(name); err != nil && !os.IsNotExist(err) { // it is in a block now
			return err
		}
	}
	return nil
}

// segments are the files of the log, the oldest first.
func (y *syncer) segments() ([]string, error) {
	dir := filepath.Join(y.dir, "wal")
	entries, err := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "0") {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	return names, err
}

func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	err = f.Sync()
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
