package cache

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/route"
)

// Cache is the kept answers of one edge or route.
type Cache struct {
	cfg       route.Cache
	maxObject int64
	seed      maphash.Seed
	store     *otter.Cache[uint64, *record] // by hash of the record's key

	filling atomic.Int64 // bytes of bodies that are on their way
	lists   atomic.Uint64
	// changes counts, by a part of the key, how often something was invalidated:
	// an answer that was asked for before is not kept after.
	changes [256]atomic.Uint32
}

// record is what is stored under a resource's key: an answer, or by what its
// answers vary. Those are stored under keys that begin with the list's number,
// so that none of them is found once the list is gone.
type record struct {
	key   string
	entry *Entry   // nil: a list
	vary  []string // lower case
	list  uint64
}

// State is what a lookup found.
type State uint8

// The states.
const (
	Miss  State = iota // nothing that may be used
	Fresh              // an answer
	Stale              // an answer for the case that the service fails
	Unmet              // no fresh answer, and the client wants only such (only-if-cached): answer 504
)

// New returns an empty cache. MaxBytes must be positive; a MaxObject of 0 is MaxBytes.
func New(cfg route.Cache) (*Cache, error) {
	object := cfg.MaxBytes
	if cfg.MaxObject > 0 {
		object = min(object, cfg.MaxObject)
	}
	store, err := otter.New(&otter.Options[uint64, *record]{
		MaximumWeight: uint64(max(1, cfg.MaxBytes)),
		Weigher:       func(_ uint64, r *record) uint32 { return r.size() },
	})
	if err != nil {
		return nil, fmt.Errorf("make the cache: %w", err)
	}
	return &Cache{cfg: cfg, maxObject: object, seed: maphash.MakeSeed(), store: store}, nil
}

// size is what the record costs in memory, about.
func (r *record) size() uint32 {
	n := 200 + len(r.key)
	for _, name := range r.vary {
		n += 16 + len(name)
	}
	if r.entry != nil {
		n += r.entry.size()
	}
	return uint32(min(n, math.MaxUint32))
}

// Config is what the cache was made of.
func (c *Cache) Config() route.Cache { return c.cfg }

// Lookup finds the answer that is kept for req (RFC 9111, section 4). The entry
// is nil unless the state is Fresh or Stale.
func (c *Cache) Lookup(now time.Time, req *message.Head) (*Entry, State) {
	if !answerable(req) {
		return nil, Miss
	}
	d := control(req)
	miss := Miss
	if d.onlyIfCached {
		miss = Unmet
	}
	if d.noCache {
		return nil, miss
	}
	e := c.find(req)
	if e == nil || !e.term.shared && req.Has(message.Authorization) {
		return nil, miss
	}
	age := e.Age(now)
	left := e.term.fresh - age
	if left <= 0 || d.maxAge >= 0 && age > time.Duration(d.maxAge)*time.Second ||
		d.minFresh >= 0 && left < time.Duration(d.minFresh)*time.Second {
		if d.onlyIfCached {
			return nil, Unmet
		}
		return e, Stale
	}
	return e, Fresh
}

func (c *Cache) find(req *message.Head) *Entry {
	var room [keyRoom]byte
	uri := appendURI(room[:0], req)
	r := c.get(uri)
	if r == nil || r.entry != nil {
		return entryOf(r)
	}
	var more [keyRoom]byte
	return entryOf(c.get(variantKey(more[:0], uri, req, r)))
}

func entryOf(r *record) *Entry {
	if r == nil {
		return nil
	}
	return r.entry
}

// variantKey is the key of the answer to req among those of list.
func variantKey(key, uri []byte, req *message.Head, list *record) []byte {
	key = binary.LittleEndian.AppendUint64(append(key, 1), list.list) // no scheme begins with a 1
	return appendVariant(append(key, uri...), req, list.vary)
}

// get returns the record under key; nil if there is none.
func (c *Cache) get(key []byte) *record {
	r, ok := c.store.GetIfPresent(maphash.Bytes(c.seed, key))
	if !ok || r.key != string(key) {
		return nil
	}
	return r
}

func (c *Cache) set(r *record) { c.store.Set(maphash.String(c.seed, r.key), r) }

// Key names the resource of a request, whatever its method.
func (c *Cache) Key(req *message.Head) uint64 {
	var room [keyRoom]byte
	return maphash.Bytes(c.seed, appendURI(room[:0], req))
}

// Invalidate forgets all answers of the resource (RFC 9111, section 4.4), and
// those that were asked for before now and are still on their way.
func (c *Cache) Invalidate(key uint64) {
	c.change(key).Add(1)
	c.store.Invalidate(key)
}

func (c *Cache) change(key uint64) *atomic.Uint32 { return &c.changes[key%uint64(len(c.changes))] }
