package metrics

import (
	"cmp"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/tsdb"
)

// Bounds are how much a Store keeps: see Options, whose defaults they have, too.
type Bounds struct {
	MaxBytes int64
	MaxAge   time.Duration
}

// SetBounds changes how much is kept from now on. What is beyond them goes soon.
func (s *Store) SetBounds(b Bounds) { s.keep.set(b) }

// Parts of the bytes that may be kept, in sixteenths.
const (
	// keptPart is for all that there is while nothing is written anew: the rest is for
	// blocks that are made of others, which go only then.
	keptPart = 13
	// mergedPart is what a block may have that is made into another one with others.
	mergedPart = 1
	// headPart is what may be in front of the blocks. Beyond it, that becomes a block
	// before its time.
	headPart = 4
	// fullPart is from where on nothing is taken.
	fullPart = 15
	parts    = 16
)

const (
	// fresh is how much of the newest does not become a block before its time: samples of
	// it may still come.
	fresh = 5 * time.Minute
	// early is how much a block that is made before its time has at least.
	early = 10 * time.Minute
)

// damagedAge is how long damaged files are kept, for who wants to look at them.
const damagedAge = 7 * 24 * time.Hour

// keeping decides what is kept on the disk.
type keeping struct {
	dir    string
	now    func() time.Time
	bounds atomic.Pointer[Bounds]
	newest atomic.Int64 // of all samples since Open, in milliseconds
	bytes  atomic.Int64 // there were at last
}

func (k *keeping) set(b Bounds) {
	b.MaxBytes = cmp.Or(b.MaxBytes, 512<<20)
	b.MaxAge = cmp.Or(b.MaxAge, 15*24*time.Hour)
	k.bounds.Store(&b)
}

func (k *keeping) part(sixteenths int64) int64 { return k.bounds.Load().MaxBytes / parts * sixteenths }

// segment is how large the files of a block's chunks are: while one is written it takes
// that up from the beginning.
func (k *keeping) segment() int64 { return max(min(k.part(mergedPart)/2, 64<<20), 256<<10) }

// full reports whether nothing more may be taken.
func (k *keeping) full() bool { return k.bytes.Load() > k.part(fullPart) }

// saw notes the time of a sample that was taken.
func (k *keeping) saw(at int64) {
	for {
		last := k.newest.Load()
		if at <= last || k.newest.CompareAndSwap(last, at) {
			return
		}
	}
}

// delete returns the blocks that are too old or too much. Time is the clock's, but no
// later than the newest sample: one that is ahead by a year takes nothing away.
func (k *keeping) delete(blocks []*tsdb.Block) map[ulid.ULID]struct{} {
	beyond := map[ulid.ULID]struct{}{}
	newestFirst := slices.SortedFunc(slices.Values(blocks), func(a, b *tsdb.Block) int { return cmp.Compare(b.MaxTime(), a.MaxTime()) })
	newest := k.newest.Load()
	left := k.part(keptPart) - k.outside()
	for i, b := range newestFirst {
		if i == 0 {
			newest = max(newest, b.MaxTime())
		}
		before := min(newest, k.now().UnixMilli()) - k.bounds.Load().MaxAge.Milliseconds()
		m := b.Meta()
		left -= b.Size()
		if m.Compaction.Deletable || m.MaxTime < before || left < 0 {
			beyond[m.ULID] = struct{}{}
		}
	}
	return beyond
}

// outside is what there is beside blocks.
func (k *keeping) outside() int64 { return k.head() + diskBytes(filepath.Join(k.dir, damagedDir)) }

// head is what there is in front of blocks.
func (k *keeping) head() int64 {
	n := int64(0)
	for _, name := range logDirs {
		n += diskBytes(filepath.Join(k.dir, name))
	}
	return n
}

// exclude reports whether a block is too large to be merged with others.
func (k *keeping) exclude(m *tsdb.BlockMeta) bool {
	return diskBytes(filepath.Join(k.dir, m.ULID.String())) > k.part(mergedPart)
}

// within brings what is on the disk under the bounds, as far as it can.
func (s *Store) within(ctx context.Context) error {
	_, done, err := s.use(ctx)
	if err != nil {
		return nil // it is closed
	}
	defer done()
	k := s.keep
	k.bytes.Store(diskBytes(k.dir))
	if err := k.dropDamaged(); err != nil {
		return err
	}
	head := s.db.Head()
	if last := head.MaxTime() - fresh.Milliseconds(); k.head() > k.part(headPart) && last-head.MinTime() >= early.Milliseconds() {
		if err := s.db.CompactHead(tsdb.NewRangeHead(head, head.MinTime(), last)); err != nil {
			return err
		}
	}
	k.bytes.Store(diskBytes(k.dir))
	return nil
}

// dropDamaged removes what was set aside once it is old, or in the way.
func (k *keeping) dropDamaged() error {
	dir := filepath.Join(k.dir, damagedDir)
	info, err := os.Stat(dir)
	if err != nil {
		return nil //nolint:nilerr // there is none
	}
	age := min(damagedAge, k.bounds.Load().MaxAge)
	if k.bytes.Load() <= k.part(keptPart) && k.now().Sub(info.ModTime()) < age {
		return nil
	}
	return os.RemoveAll(dir)
}

// diskBytes is what the files in a directory take up.
func diskBytes(dir string) int64 {
	var sum int64
	// What vanishes meanwhile counts nothing.
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // see above
		}
		if info, err := d.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	return sum
}
