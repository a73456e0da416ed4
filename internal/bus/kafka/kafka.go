package kafka

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
)

const (
	// patience is how long the cluster may take to answer one request.
	patience = 5 * time.Second
	// storing is how long a record may wait to be stored. The client has a time
	// limit of its own, which goes by the records' timestamps, and those are old
	// where an event was accepted long ago.
	storing = 10 * time.Second
	// largest is the most bytes of a batch, and so of a record: 1 MiB of data, 65
	// KiB of attributes and key, and their headers.
	largest = 1<<20 + 256<<10
	// most is how many bytes may wait to be stored, of all topics.
	most = 64 << 20
)

// Config says where the cluster is and whose the topics are.
type Config struct {
	// URL has one or more brokers: HOST:PORT,HOST:PORT. Before them may stand
	// kafka:// or kafka+tls://, and USER:PASSWORD@; after them
	// ?sasl=plain, scram-sha-256 or scram-sha-512, which is the default.
	URL string
	// App's name begins the names of topics.
	App string
	// OneCopy takes topics whose events are acknowledged when one broker has them.
	OneCopy bool
	Logger  *slog.Logger
	// Now is the clock that retention goes by; nil: time.Now.
	Now func() time.Time
}

// Engine implements engine.Engine. Make it by Open.
type Engine struct {
	app     string
	oneCopy bool
	log     *slog.Logger
	now     func() time.Time
	opts    []kgo.Opt // of every connection
	client  *kgo.Client
	admin   *kadm.Client
	life    context.Context // ends with Close
	end     context.CancelFunc
	pending atomic.Int64 // bytes that wait to be stored
	topics  remote.Topics[*topic]
}

var _ engine.Engine = (*Engine)(nil)

// Open returns an engine whether or not the cluster can be reached: it is tried
// with each call, and calls answer fault.Unavailable until then. Errors:
// fault.Invalid where the URL cannot be read. They do not repeat it, since it may
// hold a password.
func Open(c Config) (*Engine, error) {
	address, err := parse(c.URL)
	if err != nil {
		return nil, err
	}
	e := &Engine{app: c.App, oneCopy: c.OneCopy, log: c.Logger, now: c.Now}
	if e.now == nil {
		e.now = time.Now
	}
	e.opts = slices.Concat(address, []kgo.Opt{
		kgo.ClientID("banyan-" + c.App), kgo.RetryTimeout(patience), kgo.DialTimeout(patience), kgo.MetadataMinAge(pause),
	})
	e.client, err = kgo.NewClient(slices.Concat(e.opts, []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(largest), kgo.MaxBufferedRecords(1 << 20),
		// What its publisher was told has failed must not come again from here, much later.
		kgo.AllowIdempotentProduceCancellation(),
	})...)
	if err != nil {
		return nil, unusable(err)
	}
	e.admin = kadm.NewClient(e.client)
	e.life, e.end = context.WithCancel(context.Background())
	return e, nil
}

// Can implements engine.Engine.
func (*Engine) Can() engine.Abilities {
	return engine.Abilities{Replay: true, Retention: true, Refuse: true}
}

func (e *Engine) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return remote.Within(ctx, e.life, patience)
}

// Close implements engine.Engine.
func (e *Engine) Close() error {
	if !e.topics.Close() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), storing)
	defer cancel()
	_ = e.client.Flush(ctx) // what is left fails, and its callers are told
	e.end()
	e.client.Close()
	return nil
}
