package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/journal/fsystest"
)

// An index file finds each id with its offset, and, but for one in fifty that the
// filter lets through, does not read to say no.
func TestIndexFile(t *testing.T) {
	for _, ids := range []int{0, 1, 255, 256, 257, 5000} {
		c := empty(1000)
		id := func(n int) engine.ID { return engine.IDOf("/ids", strconv.Itoa(n)) }
		for n := range ids {
			c.ids[id(n)] = remembered{1000 + uint64(n), int64(n+1) * 1_000_000}
		}
		c.last, c.end, c.newest, c.until = 1000+uint64(ids)-1, 77, 88, 99
		c.index = []place{{1000, 64}, {1064, 4096}}
		disk := fsystest.New(1)
		file, _ := disk.Create("x.idx")
		if _, err := file.WriteAt(indexBytesOf(3, &c), 0); err != nil {
			t.Fatal(err)
		}
		if _, _, err := openIndex(disk, "x.idx", 4); !errors.Is(err, errFormat) {
			t.Errorf("it is taken for another segment's: %v", err)
		}
		back, f, err := openIndex(disk, "x.idx", 3)
		if err != nil {
			t.Fatal(err)
		}
		if back.first != c.first || back.last != c.last || back.end != c.end || back.newest != c.newest || back.until != c.until ||
			fmt.Sprint(back.index) != fmt.Sprint(c.index) {
			t.Errorf("%+v came back as %+v", c, back)
		}
		for n := range ids {
			if r, ok, err := f.find(id(n)); !ok || err != nil || r != c.ids[id(n)] {
				t.Fatalf("of %d ids, %d is %+v, %v, %v", ids, n, r, ok, err)
			}
		}
		before := disk.Calls()
		for n := range 5000 {
			if _, ok, err := f.find(id(-1 - n)); ok || err != nil {
				t.Fatalf("of %d ids, one that is not there is found: %v", ids, err)
			}
		}
		if reads := disk.Calls() - before; reads > 100 {
			t.Errorf("of %d ids, %d of 5000 that are not there were looked up", ids, reads)
		}
	}
}

// Ids outlive their segment, while their window lasts, across restarts, and no longer.
func TestIdsOutliveSegments(t *testing.T) {
	disk, c := fsystest.New(1), newClock()
	settings := engine.Topic{Name: testTopic, MaxAge: time.Minute, Dedup: time.Hour}
	open := func() *Journal {
		j := New(Config{Dir: "/bus", FS: disk, Now: c.now, SegmentFirst: 2 << 10, SegmentMost: 2 << 10})
		t.Cleanup(func() { j.Close() })
		if err := j.Ensure(t.Context(), []engine.Topic{settings}); err != nil {
			t.Fatal(err)
		}
		return j
	}
	j := open()
	for n := range 60 {
		if err := put(j, n+1); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Release(t.Context(), testTopic, []engine.Position{{Offset: 60}}); err != nil {
		t.Fatal(err)
	}
	c.advance(10 * time.Minute)
	topic := j.topics[testTopic]
	topic.retain(0)
	j.Close()
	j = open()
	topic = j.topics[testTopic]
	topic.retain(0)
	topic.mu.Lock()
	first, indexes := topic.segments[0].first, len(topic.past)
	topic.mu.Unlock()
	if first < 30 || indexes < 3 {
		t.Fatalf("event %d is still there, and %d indexes are", first, indexes)
	}
	late := event(1 + rand.IntN(10))
	late.Time = c.now()
	placed, err := j.Publish(t.Context(), testTopic, []engine.Record{late})
	if err != nil || !placed[0].Duplicate {
		t.Fatalf("%+v, %v: an id was forgotten with its segment", placed, err)
	}
	c.advance(2 * time.Hour)
	topic.retain(0)
	topic.mu.Lock()
	if len(topic.past) > 0 && topic.past[0].number < topic.segments[0].number {
		t.Error("an index is kept that nobody needs")
	}
	topic.mu.Unlock()
	late.Time = c.now()
	if placed, err = j.Publish(t.Context(), testTopic, []engine.Record{late}); err != nil || placed[0].Duplicate {
		t.Fatalf("%+v, %v: an id was remembered for too long", placed, err)
	}
}
