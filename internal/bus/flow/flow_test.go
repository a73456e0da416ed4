package flow

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

func at(offset uint64) engine.Position { return engine.Position{Offset: offset} }

// records returns one record a key, at the offsets from first.
func records(first uint64, keys ...string) []engine.Stored {
	var stored []engine.Stored
	for i, key := range keys {
		stored = append(stored, engine.Stored{
			Position: at(first + uint64(i)),
			Record:   engine.Record{Key: key, Data: []byte("data")},
		})
	}
	return stored
}

func newFlow(config Config, keys ...string) *Flow {
	if config.First == 0 {
		config.First, config.Most = 200*time.Millisecond, 5*time.Minute
	}
	f := New(start, config, Progress{}, nil, rand.New(rand.NewPCG(1, 2)))
	f.Take(records(1, keys...))
	return f
}

// sent checks what is sent at a time, and returns when to wake.
func sent(t *testing.T, f *Flow, now time.Time, want ...uint64) time.Time {
	t.Helper()
	step := f.Advance(now)
	var got []uint64
	for _, d := range step.Send {
		got = append(got, d.Offset)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("sent %v, want %v; %+v", got, want, f.Stat(now))
	}
	return step.Wake
}

func condition(t *testing.T, f *Flow, now time.Time, want Condition) {
	t.Helper()
	if stat := f.Stat(now); stat.Condition != want {
		t.Errorf("%v, want %v; %+v", stat.Condition, want, stat)
	}
}

func TestKeys(t *testing.T) {
	f := newFlow(Config{Concurrency: 10}, "a", "a", "", "b", "")
	sent(t, f, start, 1, 3, 4, 5)
	f.Answer(start, at(1), Done, 0)
	f.Answer(start, at(1), Done, 0) // said twice
	f.Answer(start, at(2), Done, 0) // is not under way
	sent(t, f, start, 2)
}

func TestDeadLetter(t *testing.T) {
	f := newFlow(Config{Concurrency: 1, MaxAttempts: 2}, "a", "a", "b")
	now := start
	sent(t, f, now, 1)
	v := f.Answer(now, at(1), Failed, 0)
	if v.Attempts != 1 || v.Dead {
		t.Fatalf("%+v", v)
	}
	sent(t, f, now, 3) // another key
	f.Answer(now, at(3), Done, 0)
	if wake := f.Advance(now).Wake; !wake.Equal(v.NotBefore) {
		t.Fatalf("wakes at %v, want %v", wake, v.NotBefore)
	}
	now = v.NotBefore
	sent(t, f, now, 1)
	if v := f.Answer(now, at(1), Failed, 0); v != (Verdict{Attempts: 2, Dead: true}) {
		t.Fatalf("%+v", v)
	}
	sent(t, f, now) // the key and the place are taken
	if low := f.Low(); low[0].Offset != 0 {
		t.Fatalf("low is %v before the dead letter is stored", low)
	}
	f.Drop(at(1))
	sent(t, f, now, 2)
	if low := f.Low(); low[0].Offset != 1 {
		t.Fatalf("low is %v", low)
	}
}

func TestHold(t *testing.T) {
	tests := []struct{ asked, granted time.Duration }{
		{0, 100 * time.Millisecond}, {-time.Second, 100 * time.Millisecond},
		{time.Minute, time.Minute}, {48 * time.Hour, time.Hour},
	}
	for _, tt := range tests {
		f := newFlow(Config{Concurrency: 2}, "", "", "")
		sent(t, f, start, 1, 2)
		if v := f.Answer(start, at(1), Hold, tt.asked); v != (Verdict{}) {
			t.Errorf("an attempt was counted: %+v", v)
		}
		f.Answer(start, at(2), Hold, 0) // does not shorten it
		wake := sent(t, f, start)
		if want := start.Add(tt.granted); !wake.Equal(want) || !f.Stat(start).Until.Equal(want) {
			t.Errorf("asked for %v: wakes at %v, want %v", tt.asked, wake, want)
		}
		condition(t, f, start, Held)
		sent(t, f, wake.Add(-1))
		sent(t, f, wake, 3, 1) // the others first
	}
}

func TestProbe(t *testing.T) {
	f := newFlow(Config{Concurrency: 4}, "", "", "", "")
	now := start
	sent(t, f, now, 1, 2, 3, 4)
	f.Answer(now, at(1), Unseen, 0)
	f.Answer(now, at(2), Unseen, 0) // sent before, so it teaches nothing new
	f.Answer(now, at(3), Failed, 0) // nor does this prove that somebody is there
	condition(t, f, now, Probing)
	probes := []uint64{1, 2}
	for i, wait := range []int{100, 200, 400, 800, 1600, 3200, 5000, 5000} {
		wake := sent(t, f, now)
		if want := now.Add(time.Duration(wait) * time.Millisecond); !wake.Equal(want) {
			t.Fatalf("probe %d at %v, want %v", i, wake, want)
		}
		now = wake
		step := f.Advance(now)
		if len(step.Send) != 1 || !step.Wake.IsZero() {
			t.Fatalf("probe %d: %+v", i, step)
		}
		if d := step.Send[0]; i < 2 && d.Offset != probes[i] || d.Offset != 3 && d.Attempt != 1 {
			t.Fatalf("probe %d is %+v", i, d)
		}
		f.Answer(now, step.Send[0].Position, Unseen, 0)
	}
	f.Answer(now, at(4), Done, 0) // somebody is there after all
	condition(t, f, now, Running)
	if n := len(f.Advance(now).Send); n != 3 {
		t.Errorf("%d are sent, want 3", n)
	}
}

func TestProbeFails(t *testing.T) {
	f := newFlow(Config{Concurrency: 2}, "", "", "")
	sent(t, f, start, 1, 2)
	f.Answer(start, at(1), Unseen, 0)
	f.Answer(start, at(2), Unseen, 0)
	now := sent(t, f, start)
	sent(t, f, now, 3)
	if v := f.Answer(now, at(3), Failed, 0); v.Attempts != 1 { // but it was seen
		t.Errorf("%+v", v)
	}
	sent(t, f, now, 1, 2)
}

func TestStops(t *testing.T) {
	f := newFlow(Config{Concurrency: 2}, "", "", "")
	sent(t, f, start, 1, 2)
	f.Answer(start, at(1), Gone, 0)
	condition(t, f, start, Ended)
	f.Answer(start, at(2), Done, 0) // what is under way ends
	if step := f.Advance(start); len(step.Send)+step.Read != 0 {
		t.Errorf("after Gone: %+v", step)
	}
	f.Pause()
	condition(t, f, start, Paused)
	f.Resume()
	condition(t, f, start, Running)
	sent(t, f, start, 3, 1)
	f.Answer(start, at(3), Hold, time.Hour)
	f.Resume()
	sent(t, f, start, 3)
}

func TestBlockedKeys(t *testing.T) {
	f := newFlow(Config{Concurrency: 1, MaxOpen: 3, MaxAttempts: 5}, "a", "a", "a")
	step := f.Advance(start)
	if step.Read != 0 || f.Stat(start).Condition != Blocked {
		t.Errorf("%+v, %+v", step, f.Stat(start))
	}
	f.Answer(start, at(1), Done, 0)
	if step := f.Advance(start); step.Read != 1 {
		t.Errorf("%+v", step)
	}
}

// TestRestore: what was open is read again before anything newer of its key is sent.
func TestRestore(t *testing.T) {
	progress := Progress{Next: []engine.Position{at(9)}, Open: []Run{{at(3), 2}, {at(7), 1}}}
	trouble := []Trouble{
		{at(2), 1, start},                       // done
		{at(4), 3, start.Add(1000 * time.Hour)}, // by a clock that was wrong
		{at(10), 1, start},                      // read, but not named
	}
	config := Config{Concurrency: 10, First: time.Second, Most: time.Minute}
	f := New(start, config, progress, trouble, rand.New(rand.NewPCG(1, 2)))
	step := f.Advance(start)
	if want := []engine.Position{at(3), at(4), at(7)}; !slices.Equal(step.Load, want) {
		t.Fatalf("loads %v, want %v", step.Load, want)
	}
	if len(f.trouble) != 1 {
		t.Errorf("trouble is kept: %v", f.trouble)
	}
	f.Take(records(10, "a", "b"))
	f.Take(records(7, "a"))
	sent(t, f, start)
	f.Drop(at(3)) // it is no longer kept
	sent(t, f, start)
	f.Take(records(4, "b"))
	sent(t, f, start, 7) // 10 is behind 7, and 11 behind 4
	f.Answer(start, at(7), Done, 0)
	step = f.Advance(start)
	if len(step.Send) != 1 || step.Send[0].Position != at(10) || step.Send[0].Attempt != 2 {
		t.Fatalf("sent %+v", step.Send)
	}
	if want := start.Add(time.Minute); !step.Wake.Equal(want) {
		t.Fatalf("wakes at %v, want %v", step.Wake, want)
	}
	step = f.Advance(step.Wake)
	if len(step.Send) != 1 || step.Send[0].Position != at(4) || step.Send[0].Attempt != 4 {
		t.Fatalf("sent %+v", step.Send)
	}
}

// TestBodies: a blocked key holds few bodies, and gets them back neighbours at once.
func TestBodies(t *testing.T) {
	keys := slices.Repeat([]string{"a"}, 100)
	for _, keep := range []bool{false, true} {
		f := newFlow(Config{Concurrency: 1, AheadRecords: 10, KeepBodies: keep}, keys...)
		sent(t, f, start, 1)
		want := 10
		if keep {
			want = 99
		}
		if f.spare.records != want {
			t.Errorf("keep %v: %d bodies are held, want %d", keep, f.spare.records, want)
		}
		for offset := range uint64(11) {
			f.Answer(start, at(offset+1), Done, 0)
			f.Take(nil)
			if step := f.Advance(start); len(step.Load) > 0 {
				if offset+2 != 12 || len(step.Load) != 10 || step.Load[0] != at(12) || step.Load[9] != at(21) {
					t.Fatalf("after %d: loads %v", offset+1, step.Load)
				}
				f.Take(records(12, keys[:10]...))
				sent(t, f, start, 12)
			}
		}
	}
}

func TestConfigure(t *testing.T) {
	f := newFlow(Config{}, "", "", "")
	sent(t, f, start, 1)
	f.Configure(Config{Concurrency: 3})
	sent(t, f, start, 2, 3)
}

// TestBackoff: the ceiling doubles up to the most, and all of the range is drawn from.
func TestBackoff(t *testing.T) {
	config := Config{First: 200 * time.Millisecond, Most: 5 * time.Minute}
	random := rand.New(rand.NewPCG(1, 2))
	for attempt, ceiling := range map[int]time.Duration{
		1: 200 * time.Millisecond, 2: 400 * time.Millisecond, 11: 204800 * time.Millisecond, 12: 5 * time.Minute, 1 << 40: 5 * time.Minute,
	} {
		least, most := time.Duration(1<<62), time.Duration(0)
		for range 1000 {
			wait := config.backoff(attempt, random)
			least, most = min(least, wait), max(most, wait)
		}
		if least < 0 || least > ceiling/50 || most > ceiling || most < ceiling/50*49 {
			t.Errorf("after attempt %d: between %v and %v, want 0 and %v", attempt, least, most, ceiling)
		}
	}
	if wait := (Config{}).backoff(3, random); wait != 0 {
		t.Errorf("no backoff: %v", wait)
	}
}

func TestConditions(t *testing.T) {
	want := []string{"running", "blocked-keys", "probing", "held", "gone", "paused"}
	for c, word := range want {
		if got := Condition(c).String(); got != word {
			t.Errorf("%d: %s, want %s", c, got, word)
		}
	}
}

// BenchmarkFlow: what a record costs from Take to Done.
func BenchmarkFlow(b *testing.B) {
	f := New(start, Config{Concurrency: 16}, Progress{}, nil, rand.New(rand.NewPCG(1, 2)))
	batch := records(1, slices.Repeat([]string{"", "a", "b", "c"}, 25)...)
	offset := uint64(1)
	b.ReportAllocs()
	for b.Loop() {
		for i := range batch {
			batch[i].Offset = offset
			offset++
		}
		f.Take(batch)
		for {
			step := f.Advance(start)
			if len(step.Send) == 0 {
				break
			}
			for _, d := range step.Send {
				f.Answer(start, d.Position, Done, 0)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(batch)), "ns/record")
}
