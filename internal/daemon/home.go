package daemon

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/banyanrun/banyan/internal/daemon/layout"
	"github.com/banyanrun/banyan/internal/state"
)

// home sees to it that the state is this directory's own. In a copy of a state
// directory, as `cp -r` of an app that is up makes one, it names processes,
// addresses and builds that belong to the original: a daemon that adopted them
// would end the original's data plane and instances. They are forgotten, and
// the copy begins as an app that is down.
func (d *daemon) home(ctx context.Context) error {
	var home string
	if _, err := d.store.Get(ctx, kindMeta, keyHome, &home); err != nil {
		return err
	}
	if home == d.layout.StateDir {
		return nil
	}
	if home != "" && other(home, d.layout) {
		d.log.Warn("the state is a copy: what it says of the original's processes is dropped", "original", home)
		for _, kind := range []string{kindInstance, kindProcess, kindAddress, kindBuild} {
			all, err := state.All[json.RawMessage](ctx, d.store, kind)
			if err != nil {
				return err
			}
			for key := range all {
				d.store.Queue(kind, key, nil, d.unsaved)
			}
		}
		d.store.Queue(kindMeta, keyDesired, nil, d.unsaved)
		d.store.Queue(kindMeta, keyDown, nil, d.unsaved)
	}
	return d.store.Put(ctx, kindMeta, keyHome, d.layout.StateDir)
}

func (d *daemon) unsaved(err error) { d.log.Error("the state could not be saved", "error", err) }

// other reports whether the state directory at home is still there, and not
// this one by another name.
func other(home string, l layout.Layout) bool {
	theirs, err := os.Stat(filepath.Join(home, filepath.Base(l.Lock)))
	if err != nil {
		return false // it was moved here
	}
	ours, err := os.Stat(l.Lock)
	return err == nil && !os.SameFile(theirs, ours)
}
