package cache

import (
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// Fill is an answer on its way into the cache. It belongs to one goroutine. A
// nil Fill takes nothing and is kept nowhere. Each must end with Commit or Drop.
type Fill struct {
	cache  *Cache
	req    message.Head
	key    uint64
	change uint32 // of the key, when the request was seen

	entry *Entry // nil: there is no head yet, or it is not kept
	vary  []string
	sized bool
	want  int64 // length of a sized body
	body  []byte
	taken int64 // of Cache.filling
}

// Fill returns what takes the answer to req; nil if it may not be kept. It
// keeps a copy of req: the head may change from here on.
func (c *Cache) Fill(req *message.Head) *Fill {
	if !keepable(req) {
		return nil
	}
	f := &Fill{cache: c, key: c.Key(req)}
	f.change = c.change(f.key).Load()
	req.CopyTo(&f.req)
	return f
}

// Head takes the answer's head, received at now, to the request that was sent
// at sent. It reports whether the body is wanted.
func (f *Fill) Head(sent, now time.Time, resp *message.Head) bool {
	if f == nil {
		return false
	}
	t, ok := judge(&f.cache.cfg, &f.req, resp, now)
	if !ok {
		return false
	}
	if f.vary, ok = varies(resp); !ok {
		return false
	}
	f.sized, f.want = resp.Body != message.Streamed, 0
	if resp.Body == message.Sized {
		f.want = resp.Length
	}
	initial := age(resp, sent, now)
	if f.want > f.cache.maxObject || initial >= t.fresh+t.stale {
		return false
	}
	f.entry = newEntry(resp, nil, t, initial, now)
	return true
}

// Write takes a part of the body and reports whether more is wanted: it gives
// up what is longer than MaxObject, or if all bodies on their way together are
// longer than the cache.
func (f *Fill) Write(p []byte) bool {
	if f == nil || f.entry == nil {
		return false
	}
	n := int64(len(f.body) + len(p))
	if n > f.cache.maxObject || f.sized && n > f.want || !f.reserve(n) {
		f.Drop()
		return false
	}
	f.body = append(f.body, p...)
	return true
}

// reserve makes room for n bytes of body, and reports whether there is. It
// grows by doubling, and not beyond what may come.
func (f *Fill) reserve(n int64) bool {
	const least = 16 << 10
	if n <= f.taken {
		return true
	}
	most := f.cache.maxObject
	if f.sized {
		most = f.want
	}
	more := max(n, min(most, max(2*f.taken, least))) - f.taken
	f.taken += more
	if f.cache.filling.Add(more) > f.cache.cfg.MaxBytes {
		return false
	}
	body := make([]byte, len(f.body), f.taken)
	copy(body, f.body)
	f.body = body
	return true
}

// Drop gives the answer up.
func (f *Fill) Drop() {
	if f == nil {
		return
	}
	f.cache.filling.Add(-f.taken)
	f.entry, f.body, f.taken = nil, nil, 0
}

// Commit keeps the answer, whose body has come to its end without trailers.
func (f *Fill) Commit() {
	if f == nil {
		return
	}
	defer f.Drop()
	if f.entry == nil || f.sized && int64(len(f.body)) != f.want {
		return
	}
	f.entry.body = f.body
	if cap(f.body)-len(f.body) > len(f.body)/8 {
		f.entry.body = slices.Clone(f.body)
	}
	if c := f.cache; c.change(f.key).Load() == f.change {
		f.store()
		if c.change(f.key).Load() != f.change { // invalidated in between, perhaps before it was there
			c.store.Invalidate(f.key)
		}
	}
}

func (f *Fill) store() {
	c := f.cache
	uri := appendURI(nil, &f.req)
	if len(f.vary) == 0 {
		c.set(&record{key: string(uri), entry: f.entry})
		return
	}
	list := c.get(uri)
	if list == nil || !slices.Equal(list.vary, f.vary) {
		list = &record{key: string(uri), vary: f.vary, list: c.lists.Add(1)}
		c.set(list)
	}
	c.set(&record{key: string(variantKey(nil, uri, &f.req, list)), entry: f.entry})
}
