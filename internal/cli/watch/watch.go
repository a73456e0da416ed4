package watch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/ignore"
)

// Quiet is how long nothing may happen before a burst counts as over.
const Quiet = 100 * time.Millisecond

// Watcher reports changes below its paths. Its methods are safe for concurrent use.
type Watcher struct {
	notify  *fsnotify.Watcher
	changed chan struct{}
	done    sync.WaitGroup

	mu    sync.Mutex
	files map[string]bool          // single files that count
	dirs  map[string]*ignore.Rules // directories that count, with what to ignore there; nil: only files
}

// Start begins to watch paths: absolute names of files, which need not exist
// yet, and of directories.
func Start(paths []string) (*Watcher, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, tooMany(err)
	}
	w := &Watcher{notify: notify, changed: make(chan struct{}, 1)}
	if err := w.Follow(paths); err != nil {
		_ = notify.Close() // the first error is the one to report
		return nil, err
	}
	w.done.Go(w.run)
	return w, nil
}

// Changed gets a value after each burst of changes.
func (w *Watcher) Changed() <-chan struct{} { return w.changed }

// Close ends the watch.
func (w *Watcher) Close() {
	_ = w.notify.Close() // it only releases descriptors
	w.done.Wait()
}

// Follow replaces the paths.
func (w *Watcher) Follow(paths []string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.dirs
	w.files, w.dirs = map[string]bool{}, map[string]*ignore.Rules{}
	for _, path := range paths {
		if err := w.add(path); err != nil {
			return err
		}
	}
	for dir := range before {
		if _, still := w.dirs[dir]; !still {
			_ = w.notify.Remove(dir) // it may be gone already
		}
	}
	return nil
}

func (w *Watcher) add(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return w.addTree(path, ignore.In(path, nil))
	}
	// A file is watched through its directory: editors replace files.
	w.files[path] = true
	dir := filepath.Dir(path)
	if _, known := w.dirs[dir]; known {
		return nil
	}
	w.dirs[dir] = nil
	return w.addDir(dir)
}

func (w *Watcher) addTree(dir string, rules *ignore.Rules) error {
	if w.dirs[dir] != nil {
		return nil
	}
	w.dirs[dir] = rules
	if err := w.addDir(dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return skipGone(err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !e.IsDir() || rules.Ignores(path, true) {
			continue
		}
		if err := w.addTree(path, ignore.In(path, rules)); err != nil {
			return err
		}
	}
	return nil
}

func (w *Watcher) addDir(dir string) error {
	return skipGone(tooMany(w.notify.Add(dir)))
}

// skipGone forgives directories that vanish or are closed to us: there is
// nothing to watch then.
func skipGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

func tooMany(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE) {
		return fault.New(fault.Unavailable, "the system's limit of watched directories is reached").
			Fix("raise it with `sudo sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512`, or name fewer `sources`")
	}
	return err
}

// run collects events into bursts until Close.
func (w *Watcher) run() {
	burst := time.NewTimer(time.Hour)
	burst.Stop()
	defer burst.Stop()
	for {
		select {
		case event, ok := <-w.notify.Events:
			if !ok {
				return
			}
			if w.counts(event) {
				burst.Reset(Quiet)
			}
		case _, ok := <-w.notify.Errors:
			if !ok {
				return
			}
			burst.Reset(Quiet) // events were lost: better once too often
		case <-burst.C:
			select {
			case w.changed <- struct{}{}:
			default: // one is waiting already
			}
		}
	}
}

// counts decides whether an event is a change of a source, and takes new
// directories in.
func (w *Watcher) counts(event fsnotify.Event) bool {
	if event.Op == fsnotify.Chmod {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.files[event.Name] {
		return true
	}
	dir := filepath.Dir(event.Name)
	rules := w.dirs[dir]
	if rules == nil {
		return false
	}
	if filepath.Base(event.Name) == ".gitignore" {
		w.dirs[dir] = rules.Again(dir)
	}
	info, err := os.Lstat(event.Name)
	isDir := err == nil && info.IsDir()
	if err != nil {
		_, isDir = w.dirs[event.Name]
		delete(w.dirs, event.Name)
	}
	if rules.Ignores(event.Name, isDir) {
		return false
	}
	if isDir && event.Has(fsnotify.Create) {
		// A failure here is a limit; the tree is watched as far as it goes.
		_ = w.addTree(event.Name, ignore.In(event.Name, rules))
	}
	return true
}
