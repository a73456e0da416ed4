package journal

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// Publishers that each wait for their answer, on the disk of the temporary directory.
func BenchmarkPublish(b *testing.B) {
	for _, publishers := range []int{1, 64, 512} {
		for _, size := range []int{256, 4096} {
			b.Run(fmt.Sprintf("publishers=%d/bytes=%d", publishers, size), func(b *testing.B) { benchPublish(b, publishers, size) })
		}
	}
}

func benchPublish(b *testing.B, publishers, size int) {
	b.Helper()
	j := New(Config{Dir: b.TempDir()})
	b.Cleanup(func() { j.Close() })
	if err := j.Ensure(b.Context(), []engine.Topic{{Name: testTopic, Dedup: time.Hour}}); err != nil {
		b.Fatal(err)
	}
	data := make([]byte, size)
	var left, id atomic.Int64
	left.Store(int64(b.N))
	b.ReportAllocs()
	b.ResetTimer()
	var all sync.WaitGroup
	for range publishers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				r := engine.Record{ID: engine.IDOf("/bench", strconv.FormatInt(id.Add(1), 10)), Time: time.Now(), Dedup: time.Hour, Data: data}
				if _, err := j.Publish(b.Context(), testTopic, []engine.Record{r}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkRead(b *testing.B) {
	j := New(Config{Dir: b.TempDir()})
	b.Cleanup(func() { j.Close() })
	if err := j.Ensure(b.Context(), []engine.Topic{{Name: testTopic}}); err != nil {
		b.Fatal(err)
	}
	rs := make([]engine.Record, 1000)
	for i := range rs {
		rs[i] = engine.Record{Data: make([]byte, 256)}
	}
	for range 20 {
		if _, err := j.Publish(b.Context(), testTopic, rs); err != nil {
			b.Fatal(err)
		}
	}
	var at engine.Position
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		got, err := j.Read(b.Context(), testTopic, at, 256)
		if err != nil {
			b.Fatal(err)
		}
		if at = (engine.Position{}); len(got) > 0 {
			at = got[len(got)-1].Position
		}
		n += len(got)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
