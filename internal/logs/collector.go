package logs

import (
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/banyanrun/banyan/internal/fault"
)

// Options configure a Collector. Only Dir is needed.
type Options struct {
	// Dir holds spool/ and segments/. One Collector at a time uses it.
	Dir string
	Log *slog.Logger
	Now func() time.Time
	// Redact is applied to each line before it is stored; it may change the
	// slice in place. A secret that a cut splits (64 KiB) is not seen whole.
	Redact func(service string, line []byte) []byte
	// SegmentSize in bytes (4 MiB) and Segments to keep a service (8).
	SegmentSize int64
	Segments    int
}

// Collector tails the spools of all instances. Safe for concurrent use.
type Collector struct {
	dir         string
	log         *slog.Logger
	now         func() time.Time
	redact      func(string, []byte) []byte
	segmentSize int64
	segments    int
	trimEvery   int64
	quiet       time.Duration
	write       func(*os.File, []byte) (int, error)

	lost      atomic.Int64
	unpunched sync.Once
	watcher   *fsnotify.Watcher
	kick      chan struct{} // there is something to do
	stop      chan struct{}
	stopped   chan struct{}
	closing   sync.Once

	mu        sync.Mutex
	instances map[string]*instance
	stores    map[string]*store
	byPath    map[string]*stream
	dirty     map[*stream]bool
	waiting   map[*stream]time.Time // to be looked at again then
	changed   chan struct{}         // closed when records were added
}

// New begins to watch the spool directory. Close it.
func New(opt Options) (*Collector, error) {
	c := &Collector{
		dir: opt.Dir, log: opt.Log, now: opt.Now, redact: opt.Redact,
		segmentSize: opt.SegmentSize, segments: opt.Segments,
		trimEvery: 1 << 20, quiet: quiet, write: (*os.File).Write,
		kick: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}),
		instances: map[string]*instance{}, stores: map[string]*store{}, byPath: map[string]*stream{},
		dirty: map[*stream]bool{}, waiting: map[*stream]time.Time{}, changed: make(chan struct{}),
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.segmentSize <= 0 {
		c.segmentSize = 4 << 20
	}
	if c.segments <= 0 {
		c.segments = 8
	}
	return c, c.begin()
}

func (c *Collector) begin() error {
	for _, dir := range []string{c.spoolDir(), c.segmentDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fault.New(fault.Unavailable, "cannot make the log directory: %w", err)
		}
	}
	entries, err := os.ReadDir(c.segmentDir())
	if err != nil {
		return fault.New(fault.Unavailable, "cannot read the log directory: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() {
			c.storeOf(e.Name())
		}
	}
	c.watcher, err = fsnotify.NewWatcher()
	if err == nil {
		err = c.watcher.Add(c.spoolDir())
	}
	if err != nil {
		return fault.New(fault.Unavailable, "cannot watch the log directory: %w", err).
			Fix("raise fs.inotify.max_user_instances (sysctl)")
	}
	go c.run()
	return nil
}

func (c *Collector) spoolDir() string   { return filepath.Join(c.dir, "spool") }
func (c *Collector) segmentDir() string { return filepath.Join(c.dir, "segments") }

// SpoolPaths are the files that an instance appends its output to.
func (c *Collector) SpoolPaths(instance string) (stdout, stderr string) {
	base := filepath.Join(c.spoolDir(), instance)
	return base + "." + Stdout, base + "." + Stderr
}

// storeOf returns the service's store, located but not recovered.
func (c *Collector) storeOf(service string) *store {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.stores[service]; s != nil {
		return s
	}
	s := &store{dir: filepath.Join(c.segmentDir(), service), service: service,
		size: c.segmentSize, keep: c.segments, write: c.write}
	s.locate()
	c.stores[service] = s
	return s
}

// Open begins to tail an instance, from where an earlier Collector stopped. It
// is best called before the instance starts. Opening twice is harmless.
func (c *Collector) Open(name, service string) error {
	if name == "" || service == "" || strings.ContainsAny(name+service, "/\x00") || service[0] == '.' {
		return fault.New(fault.Internal, "%q of %q cannot have logs", name, service)
	}
	st := c.storeOf(service)
	st.mu.Lock()
	defer st.mu.Unlock()
	if err := st.recover(); err != nil {
		return fault.New(fault.Unavailable, "cannot read the logs of %s: %w", service, err)
	}
	in := &instance{name: name, store: st}
	out, errs := c.SpoolPaths(name)
	in.streams = [2]*stream{{in: in, name: Stdout, path: out}, {in: in, name: Stderr, path: errs}}
	for _, s := range in.streams {
		if _, err := os.Stat(s.path); errors.Is(err, os.ErrNotExist) {
			delete(st.offsets, s.key()) // of an earlier life
		}
		s.offset = st.offsets[s.key()]
		s.punch = s.offset &^ (4<<10 - 1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.instances[name] != nil {
		return nil
	}
	c.instances[name] = in
	for _, s := range in.streams {
		c.byPath[s.path] = s
		c.dirty[s] = true
	}
	c.wake()
	return nil
}

// End stores what an ended instance has written, and drops its spool. It
// returns when that is done. On an error the spool stays; End can be called
// again.
func (c *Collector) End(name string) error {
	in := c.instance(name)
	if in == nil {
		return nil
	}
	in.store.mu.Lock()
	defer in.store.mu.Unlock()
	if in.ended {
		return nil
	}
	for _, s := range in.streams {
		if _, err := c.drain(s, true); err != nil {
			return fault.New(fault.Unavailable, "cannot store the logs of %s: %w", name, err)
		}
	}
	c.forget(in)
	for _, s := range in.streams {
		if err := os.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fault.New(fault.Unavailable, "cannot remove the spool of %s: %w", name, err)
		}
		delete(in.store.offsets, s.key())
	}
	in.ended = true
	// After the spool is gone its offsets mean nothing: say so to those who recover.
	if err := in.store.append(appendJSON(nil, &entry{End: name}), 0); err != nil {
		c.log.Warn("the end of an instance's log cannot be recorded", "instance", name, "err", err)
	}
	c.announce()
	return nil
}

func (c *Collector) instance(name string) *instance {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.instances[name]
}

func (c *Collector) forget(in *instance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.instances, in.name)
	for _, s := range in.streams {
		delete(c.byPath, s.path)
		delete(c.dirty, s)
		delete(c.waiting, s)
	}
}

// Strays lists the instances that have a spool and are not open: those that
// ended while no daemon lived. Open and End them, or remove the files.
func (c *Collector) Strays() []string {
	entries, _ := os.ReadDir(c.spoolDir())
	c.mu.Lock()
	defer c.mu.Unlock()
	stray := map[string]bool{}
	for _, e := range entries {
		name := strings.TrimSuffix(strings.TrimSuffix(e.Name(), "."+Stdout), "."+Stderr)
		if name != e.Name() && c.instances[name] == nil {
			stray[name] = true
		}
	}
	return slices.Sorted(maps.Keys(stray))
}

// Lost is how many lines could not be stored since the Collector began.
func (c *Collector) Lost() int64 { return c.lost.Load() }

// Close stops tailing. Spools and segments stay; followers end.
func (c *Collector) Close() error {
	c.closing.Do(func() { close(c.stop) })
	<-c.stopped
	return nil
}

// announce wakes followers.
func (c *Collector) announce() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.changed)
	c.changed = make(chan struct{})
}

// wake makes the loop look. The caller may hold mu.
func (c *Collector) wake() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}
