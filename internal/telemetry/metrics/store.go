package metrics

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/banyanrun/banyan/internal/fault"
)

// Options of a Store. Only Dir is needed.
type Options struct {
	// Dir is where the series are kept. It belongs to the Store alone.
	Dir string
	// MaxBytes bounds the disk: the oldest blocks go first. The last hours are
	// always kept. Zero: 512 MiB.
	MaxBytes int64
	// MaxAge is how long samples are kept. Zero: 15 days.
	MaxAge time.Duration
	// MaxSeries bounds the series in memory: samples of new ones are dropped above
	// it. Zero: 100,000.
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
	if o.MaxBytes == 0 {
		o.MaxBytes = 512 << 20
	}
	if o.MaxAge == 0 {
		o.MaxAge = 15 * 24 * time.Hour
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
	db      *tsdb.DB
	engine  *promql.Engine
	damage  []string
	counts  counters
	notes   notes
	sync    syncer
	// slots has a place for each query that may run.
	slots chan struct{}

	// running is cancelled by Close, which then waits for those in use.
	running context.Context
	stop    context.CancelFunc
	mu      sync.Mutex
	closed  bool
	using   sync.WaitGroup
}

// Open opens what is in a directory, or begins anew there. What is damaged is
// repaired or set aside.
func Open(o Options) (*Store, error) {
	o.fill()
	db, damage, err := openRepaired(&o)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the metrics cannot be opened: %w", err).At(o.Dir).
			Fix("see that the directory can be written and its disk has space")
	}
	s := &Store{options: o, db: db, damage: damage, slots: make(chan struct{}, o.Queries)}
	s.sync = syncer{dir: o.Dir, dirty: make(chan struct{}, 1)}
	s.running, s.stop = context.WithCancel(context.Background())
	s.using.Go(func() {
		s.sync.run(s.running, func(err error) { o.Log.Warn("metrics cannot be synced", "error", err) })
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

func (o *Options) storage() *tsdb.Options {
	t := tsdb.DefaultOptions()
	t.NoLockfile = true // the daemon has a lock of its own on the whole state directory
	t.RetentionDuration = o.MaxAge.Milliseconds()
	t.MaxBytes = o.MaxBytes
	t.MinBlockDuration = o.Block.Milliseconds()
	t.MaxBlockDuration = max(t.MinBlockDuration, min(o.MaxAge/10, 31*24*time.Hour).Milliseconds())
	t.EnableExemplarStorage = true
	t.MaxExemplars = int64(o.MaxExemplars)
	// The defaults are for millions of series.
	t.WALSegmentSize = 16 << 20
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
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close the metrics: %w", err)
	}
	return nil
}

// use keeps the store open until done is called; ctx ends with it.
func (s *Store) use(ctx context.Context) (context.Context, func(), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, fault.New(fault.Unavailable, "the metrics are closed: the daemon is stopping")
	}
	s.using.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	release := context.AfterFunc(s.running, cancel)
	return ctx, func() {
		release()
		cancel()
		s.using.Done()
	}, nil
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
	_, done, err := s.use(context.Background())
	if err != nil {
		return Status{Damage: s.damage}
	}
	defer done()
	st := Status{
		Series: s.db.Head().NumSeries(), Bytes: diskBytes(s.options.Dir), Damage: s.damage,
		Appended: s.counts.appended.Load(), Dropped: s.counts.dropped(),
	}
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
