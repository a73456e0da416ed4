package metrics

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/banyanrun/banyan/internal/fault"
)

// Options of a Store. Only Dir is needed.
type Options struct {
	// Dir is where the series are kept. It belongs to the Store alone.
	Dir string
	// MaxBytes bounds the disk: the oldest blocks go first. Where the newest samples
	// alone are too much, others are dropped. Zero: 512 MiB.
	MaxBytes int64
	// MaxAge is how long samples are kept. Zero: 15 days.
	MaxAge time.Duration
	// MaxSeries bounds the series in memory: samples of new ones are dropped above
	// it, and sooner of a service that has many of them. Zero: 100,000.
	MaxSeries int
	// MaxExemplars bounds the exemplars, which are kept in memory. Zero: 10,000.
	MaxExemplars int
	// QueryTimeout bounds one query. Zero: 30 s.
	QueryTimeout time.Duration
	// QuerySamples bounds how many samples a query holds at a time, of 16 bytes
	// each. Zero: 5 million.
	QuerySamples int
	// Queries bounds how many are run at a time; others wait. Zero: 4.
	Queries int
	// Block is how much time one block on disk holds at least. Zero: 2 h.
	Block time.Duration
	// Patience is how long the clock must be behind what is kept before that is set
	// aside: see Append. Zero: 2 minutes.
	Patience time.Duration
	// Now tells the time. Nil: time.Now.
	Now func() time.Time
	Log *slog.Logger
}

// lookback is how long a series is seen after its last sample.
const lookback = 5 * time.Minute

func (o *Options) fill() {
	def := func(p *int, n int) {
		if *p == 0 {
			*p = n
		}
	}
	def(&o.MaxSeries, 100_000)
	def(&o.MaxExemplars, 10_000)
	def(&o.QuerySamples, 5_000_000)
	def(&o.Queries, 4)
	if o.Patience == 0 {
		o.Patience = 2 * time.Minute
	}
	if o.QueryTimeout == 0 {
		o.QueryTimeout = 30 * time.Second
	}
	if o.Block == 0 {
		o.Block = 2 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Store keeps series and answers queries about them.
type Store struct {
	options Options
	engine  *promql.Engine
	counts  counters
	notes   notes
	shares  *shares
	keep    *keeping
	sync    syncer

	swap   sync.RWMutex // held by those in use, and locked to open another database
	db     *tsdb.DB     // under swap; nil: it could not be opened again
	broken error        // why
	due    atomic.Bool  // of a rewind
	damage []string     // under swap

	// slots has a place for each query that may run.
	slots chan struct{}

	// running is cancelled by Close, which then waits for those in use.
	running context.Context
	stop    context.CancelFunc
	mu      sync.Mutex
	closed  bool
	using   sync.WaitGroup
	behind  time.Time          // under mu: since when the clock is behind; zero: it is not
	epoch   context.Context    // under mu: of the database
	endOf   context.CancelFunc // under mu
}

// Open opens what is in a directory, or begins anew there. What is damaged is
// repaired or set aside.
func Open(o Options) (*Store, error) {
	o.fill()
	s := &Store{options: o, shares: &shares{}, keep: &keeping{dir: o.Dir, now: o.Now}, slots: make(chan struct{}, o.Queries)}
	s.keep.set(Bounds{MaxBytes: o.MaxBytes, MaxAge: o.MaxAge})
	var err error
	if s.db, s.damage, err = s.openRepaired(); err != nil {
		return nil, s.cannotOpen(err)
	}
	s.keep.bytes.Store(diskBytes(o.Dir))
	s.sync = syncer{dir: o.Dir, dirty: make(chan struct{}, 1)}
	s.running, s.stop = context.WithCancel(context.Background())
	s.epoch, s.endOf = context.WithCancel(s.running)
	s.using.Go(func() {
		s.sync.run(s.running, s.within, func(err error) { o.Log.Warn("metrics cannot be written", "error", err) })
	})
	s.engine = promql.NewEngine(promql.EngineOpts{
		Logger:                   o.Log,
		MaxSamples:               o.QuerySamples,
		Timeout:                  o.QueryTimeout,
		LookbackDelta:            lookback,
		NoStepSubqueryIntervalFn: func(int64) int64 { return (15 * time.Second).Milliseconds() },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		Parser:                   promqlParser,
	})
	return s, nil
}

func (s *Store) cannotOpen(err error) error {
	return fault.New(fault.Unavailable, "the metrics cannot be opened: %w", err).At(s.options.Dir).
		Fix("see that the directory can be written and its disk has space")
}

// segmentPage is what the length of the log's segments is a multiple of.
const segmentPage = 32 << 10

func (s *Store) storage() *tsdb.Options {
	o, b := &s.options, s.keep.bounds.Load()
	t := tsdb.DefaultOptions()
	t.NoLockfile = true // the daemon has a lock of its own on the whole state directory
	t.RetentionDuration = b.MaxAge.Milliseconds()
	t.MaxBytes = b.MaxBytes
	t.BlocksToDelete = s.keep.delete // by the two, and others later
	t.BlockCompactionExcludeFunc = s.keep.exclude
	t.BlockReloadInterval = 30 * time.Second
	t.MaxBlockChunkSegmentSize = s.keep.segment()
	t.SeriesLifecycleCallback = s.shares
	t.MinBlockDuration = o.Block.Milliseconds()
	t.MaxBlockDuration = max(t.MinBlockDuration, min(b.MaxAge/10, 31*24*time.Hour).Milliseconds())
	t.EnableExemplarStorage = true
	t.MaxExemplars = int64(o.MaxExemplars)
	// The defaults are for millions of series.
	t.WALSegmentSize = int(max(min(16<<20, b.MaxBytes/128), 4*segmentPage) / segmentPage * segmentPage)
	t.StripeSize = 1 << 10
	t.HeadChunksWriteBufferSize = 128 << 10
	t.HeadChunksWriteQueueSize = 0
	t.WALCompression = "snappy"
	return t
}

// Close writes down what is in memory and ends. Queries under way are cut short.
func (s *Store) Close() error {
	s.mu.Lock()
	was := s.closed
	s.closed = true
	s.mu.Unlock()
	if was {
		return nil
	}
	s.stop()
	s.using.Wait()
	s.swap.Lock()
	defer s.swap.Unlock()
	if s.db == nil {
		return nil
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close the metrics: %w", err)
	}
	return nil
}

// use keeps the store open until done is called; ctx ends with it.
func (s *Store) use(ctx context.Context) (context.Context, func(), error) {
	if !s.begin() {
		return nil, nil, fault.New(fault.Unavailable, "the metrics are closed: the daemon is stopping")
	}
	s.swap.RLock()
	if s.db == nil {
		defer s.using.Done()
		defer s.swap.RUnlock()
		return nil, nil, s.cannotOpen(s.broken)
	}
	s.mu.Lock()
	epoch := s.epoch
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	release := context.AfterFunc(epoch, cancel)
	return ctx, func() {
		release()
		cancel()
		s.swap.RUnlock()
		s.using.Done()
	}, nil
}

// begin lets Close wait; false: it does not any more.
func (s *Store) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.using.Add(1)
	}
	return !s.closed
}

// Compact makes blocks of what is old enough, as the store does by itself each
// minute, and removes what is beyond retention.
func (s *Store) Compact(ctx context.Context) error {
	ctx, done, err := s.use(ctx)
	if err != nil {
		return err
	}
	defer done()
	return s.db.Compact(ctx)
}

// Status says how the store stands.
func (s *Store) Status() Status {
	st := Status{
		Bytes: diskBytes(s.options.Dir), Limit: s.keep.bounds.Load().MaxBytes,
		Appended: s.counts.appended.Load(), Dropped: s.counts.dropped(), Refused: s.shares.refusals(),
	}
	_, done, err := s.use(context.Background())
	if err != nil {
		st.Damage = []string{err.Error()}
		return st
	}
	defer done()
	st.Series, st.Damage = s.db.Head().NumSeries(), s.damage
	oldest, newest := int64(math.MaxInt64), int64(math.MinInt64)
	for _, b := range s.db.Blocks() {
		oldest, newest = min(oldest, b.MinTime()), max(newest, b.MaxTime()-1) // a block's end is exclusive
	}
	if head := s.db.Head(); head.MaxTime() != math.MinInt64 {
		oldest, newest = min(oldest, head.MinTime()), max(newest, head.MaxTime())
	}
	if oldest <= newest {
		st.Oldest, st.Newest = oldest, newest
	}
	return st
}
