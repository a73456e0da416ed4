package flow

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// sut is a Flow with the engine and the subscriber around it.
type sut struct {
	model

	flow      *Flow
	random    *rand.Rand
	saved     Progress // and what was saved with it
	trouble   []Trouble
	reading   map[int32]int // the cursor: how many of a partition it has given
	largest   int           // most that one Read was asked for
	published map[int32]uint64
	pending   []engine.Position // loads that are not answered yet
	slow      bool              // whether they stay so
}

var start = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func (s *sut) publish(t *rapid.T) {
	for range rapid.IntRange(1, 12).Draw(t, "records") {
		partition := rapid.Int32Range(0, 1).Draw(t, "partition")
		s.published[partition] += uint64(rapid.SampledFrom([]int{1, 1, 1, 1, 3}).Draw(t, "gap"))
		r := &naive{Stored: engine.Stored{
			Position: engine.Position{Partition: partition, Offset: s.published[partition]},
			Record: engine.Record{
				// A key lives in one partition.
				Key:  rapid.SampledFrom([]string{"", "", "a", "b", "c"}).Draw(t, "key"),
				Data: make([]byte, rapid.IntRange(0, 30).Draw(t, "size")),
			},
		}}
		if r.Key != "" {
			r.Key = fmt.Sprint(r.Key, partition)
		}
		s.records = append(s.records, r)
	}
}

// unread returns what the cursor gives next.
func (s *sut) unread(most int) []engine.Stored {
	var records []engine.Stored
	count := map[int32]int{}
	for _, r := range s.records {
		count[r.Partition]++
		if count[r.Partition] > s.reading[r.Partition] && len(records) < most {
			records = append(records, r.Stored)
			s.reading[r.Partition]++
		}
	}
	return records
}

// settle carries out steps until nothing is left to do at this time, and checks
// that everything that may be sent is sent.
func (s *sut) settle(t *rapid.T) {
	for round := 0; ; round++ {
		if round > 10_000 {
			t.Fatal("there is no end to the steps")
		}
		step := s.flow.Advance(s.now)
		for _, d := range step.Send {
			s.send(t, d)
		}
		again := len(step.Send) > 0
		s.loads(t, step.Load)
		again = again || len(s.pending) > 0 && !s.slow
		if !s.slow {
			s.load(len(s.pending))
		}
		if step.Read > 0 {
			s.largest = max(s.largest, step.Read)
			records := s.unread(step.Read)
			for _, at := range s.flow.Take(records) {
				if r := s.find(at); !r.done {
					t.Fatalf("%v is passed over as done", at)
				}
			}
			for _, r := range records {
				s.answered(r.Position) // by the cursor, if it was to be loaded
			}
			again = again || len(records) > 0
		}
		if !step.Wake.IsZero() && !step.Wake.After(s.now) {
			t.Fatalf("it wants to be woken at %v, which is not later than %v", step.Wake, s.now)
		}
		s.bounds(t)
		if !again {
			if !s.slow {
				s.complete(t, step)
			}
			return
		}
	}
}

// loads checks that no more is asked for than may be.
func (s *sut) loads(t *rapid.T, loads []engine.Position) {
	if len(loads) == 0 {
		return
	}
	for _, at := range loads {
		if slices.Contains(s.pending, at) {
			t.Fatalf("%v is to be loaded twice", at)
		}
	}
	if s.config.KeepBodies {
		t.Fatalf("%v is to be loaded, and its body should have been kept", loads)
	}
	ahead := s.flow.ready.weight
	s.pending = append(s.pending, loads...)
	if len(s.pending) > min(s.config.MaxLoads, s.config.AheadRecords-ahead.records) || ahead.bytes >= s.config.AheadBytes {
		t.Fatalf("%d are being loaded, and %v wait", len(s.pending), ahead)
	}
}

// load answers some of what is to be loaded, not in the order in which it was asked for.
func (s *sut) load(n int) {
	var loaded []engine.Stored
	for range n {
		i := s.random.IntN(len(s.pending))
		loaded = append(loaded, s.find(s.pending[i]).Stored)
		s.pending = slices.Delete(s.pending, i, i+1)
	}
	s.flow.Take(loaded)
}

func (s *sut) slowly(t *rapid.T) {
	s.slow = true
	s.load(rapid.IntRange(0, len(s.pending)).Draw(t, "loaded"))
}

func (s *sut) quickly(*rapid.T) { s.slow = false }

func (s *sut) send(t *rapid.T, d Delivery) {
	r := s.find(d.Position)
	if why := s.why(r); why != "" {
		t.Fatalf("%v was sent: %s", d.Position, why)
	}
	if d.Attempt != r.attempts+1 || d.Record.Key != r.Key || len(d.Record.Data) != len(r.Data) {
		t.Fatalf("%v was sent as attempt %d of %q, want %d of %q", d.Position, d.Attempt, d.Record.Key, r.attempts+1, r.Key)
	}
	r.flying = true
	r.sent++
	if s.probing {
		s.probe = r
	}
}

// complete: nothing that may be sent is left, unless it was not read since too much is open.
func (s *sut) complete(t *rapid.T, step Step) {
	full := s.flow.here() >= s.config.MaxOpen
	for _, r := range s.records {
		_, open := s.flow.open[r.Position]
		if s.why(r) == "" && (open || !full) {
			t.Fatalf("%v (key %q) can be sent and was not; %+v", r.Position, r.Key, s.flow.Stat(s.now))
		}
		// Somebody has to call again when its time comes.
		waits := !r.done && !r.flying && !r.dead && open && s.head(r)
		if waits && s.busy() == 0 && !s.paused && !s.gone && step.Wake.IsZero() {
			t.Fatalf("%v waits, and nothing will wake it", r.Position)
		}
	}
}

func (s *sut) bounds(t *rapid.T) {
	f := s.flow
	if n := f.here(); n > s.config.MaxOpen {
		t.Fatalf("%d open", n)
	}
	if f.busy != s.busy() {
		t.Fatalf("%d busy, want %d", f.busy, s.busy())
	}
	held := 0
	counted := map[state]weight{}
	for _, e := range f.open {
		if e.record == nil {
			continue
		}
		held++
		w := counted[e.state]
		w.add(e, 1)
		counted[e.state] = w
	}
	spare := weight{}
	for _, s := range []state{unknown, queued, fetching, waiting} {
		spare.records += counted[s].records
		spare.bytes += counted[s].bytes
	}
	if spare != f.spare || counted[ready] != f.ready.weight {
		t.Fatalf("bodies are counted as %v and %v, and are %v and %v", f.spare, f.ready.weight, spare, counted[ready])
	}
	if s.config.KeepBodies {
		return
	}
	if spare.records > s.config.AheadRecords || spare.bytes > s.config.AheadBytes {
		t.Fatalf("bodies that cannot be sent: %v", spare)
	}
	if most := 2*s.config.AheadRecords + s.largest + s.config.MaxLoads + s.config.Concurrency; held > most {
		t.Fatalf("%d bodies are held, at most %d may be", held, most)
	}
}

func (s *sut) answer(t *rapid.T) {
	var flying []*naive
	for _, r := range s.records {
		if r.flying {
			flying = append(flying, r)
		}
	}
	if len(flying) == 0 {
		t.Skip("nothing is under way")
	}
	r := rapid.SampledFrom(flying).Draw(t, "record")
	outcome := rapid.SampledFrom([]Outcome{Done, Done, Done, Failed, Failed, Failed, Hold, Unseen, Unseen, Gone}).Draw(t, "outcome")
	after := time.Duration(rapid.IntRange(0, 7200).Draw(t, "after")) * time.Second
	v := s.flow.Answer(s.now, r.Position, outcome, after)
	s.learn(r, outcome, after)
	r.flying = false
	if outcome == Done {
		r.done = true
	}
	if outcome != Failed {
		if v != (Verdict{}) {
			t.Fatalf("%v after outcome %d", v, outcome)
		}
		return
	}
	r.attempts++
	r.dead = s.config.MaxAttempts > 0 && r.attempts >= s.config.MaxAttempts
	r.notBefore = v.NotBefore
	ceiling := min(s.config.Most, s.config.First<<min(r.attempts-1, 20))
	if v.Attempts != r.attempts || v.Dead != r.dead || !r.dead && (v.NotBefore.Before(s.now) || v.NotBefore.After(s.now.Add(ceiling))) {
		t.Fatalf("%+v after attempt %d at %v", v, r.attempts, s.now)
	}
}

// learn is what the rules say about the subscription as a whole.
func (s *sut) learn(r *naive, outcome Outcome, after time.Duration) {
	wasProbe := s.probe == r
	switch {
	case outcome == Unseen && (!s.probing || wasProbe):
		s.probeWait = min(max(2*s.probeWait, 100*time.Millisecond), 5*time.Second)
		s.probing, s.probe, s.probeAt = true, nil, s.now.Add(s.probeWait)
	case outcome == Done || wasProbe:
		s.probing, s.probe, s.probeWait = false, nil, 0
	}
	if outcome == Hold {
		until := s.now.Add(min(max(after, 100*time.Millisecond), time.Hour))
		if until.After(s.hold) {
			s.hold = until
		}
	}
	s.gone = s.gone || outcome == Gone
}

// save checks that progress, coded and decoded, tells exactly what is done.
func (s *sut) save(t *rapid.T) {
	p, err := DecodeProgress(s.flow.Progress().Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	s.trouble = nil
	for _, r := range s.records {
		if at := r.Position; isDone(p, at) != r.done {
			// What retention has dropped beside the end is not known to be done, and need not be.
			t.Fatalf("%v: done %v, want %v; %+v", at, isDone(p, at), r.done, p)
		}
		if r.attempts > 0 && !r.done {
			s.trouble = append(s.trouble, Trouble{Position: r.Position, Attempts: r.attempts, NotBefore: r.notBefore})
		}
	}
	for _, low := range s.flow.Low() {
		for _, r := range s.records {
			if r.Partition == low.Partition && r.Offset <= low.Offset && !r.done {
				t.Fatalf("%v is not done, low is %v", r.Position, low)
			}
		}
	}
	s.saved = p
}

func isDone(p Progress, at engine.Position) bool {
	for _, run := range p.Open {
		if run.Partition == at.Partition && at.Offset >= run.Offset && at.Offset < run.Offset+run.Count {
			return false
		}
	}
	for _, next := range p.Next {
		if next.Partition == at.Partition {
			return at.Offset <= next.Offset
		}
	}
	return false
}

// crash goes back to what was saved: what was done since comes again.
func (s *sut) crash(*rapid.T) {
	attempts := map[engine.Position]Trouble{}
	for _, t := range s.trouble {
		attempts[t.Position] = t
	}
	s.reading = map[int32]int{}
	for _, r := range s.records {
		trouble := attempts[r.Position]
		r.done, r.flying, r.dead = isDone(s.saved, r.Position), false, false
		r.attempts, r.notBefore = trouble.Attempts, trouble.NotBefore
		for _, next := range s.saved.Next {
			if next.Partition == r.Partition && r.Offset <= next.Offset && !s.config.KeepBodies {
				s.reading[r.Partition]++
			}
		}
	}
	s.paused, s.gone, s.hold = false, false, time.Time{}
	s.probing, s.probe, s.probeWait = false, nil, 0
	s.pending = nil
	s.flow = New(s.now, s.config, s.saved, s.trouble, s.random)
}

func (s *sut) drop(t *rapid.T) {
	var candidates []*naive
	for _, r := range s.records {
		if _, open := s.flow.open[r.Position]; open && !r.flying {
			candidates = append(candidates, r)
		}
	}
	if len(candidates) == 0 {
		t.Skip("nothing to drop")
	}
	// Dead letters are dropped for certain, others where retention overtook them.
	slices.SortStableFunc(candidates, func(a, b *naive) int { return btoi(b.dead) - btoi(a.dead) })
	r := candidates[0]
	if !r.dead {
		r = rapid.SampledFrom(candidates).Draw(t, "dropped")
	}
	r.done, r.dead = true, false
	s.flow.Drop(r.Position)
	s.answered(r.Position)
}

func (s *sut) answered(at engine.Position) {
	s.pending = slices.DeleteFunc(s.pending, func(p engine.Position) bool { return p == at })
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (s *sut) reopen(*rapid.T) {
	// The cursor is opened again and gives everything once more.
	s.reading = map[int32]int{}
}

func (s *sut) advance(t *rapid.T) {
	s.now = s.now.Add(time.Duration(rapid.SampledFrom([]int{1, 50, 100, 1000, 5000, 60_000, 3_600_000}).Draw(t, "ms")) * time.Millisecond)
}

func (s *sut) pause(*rapid.T) {
	s.flow.Pause()
	s.paused = true
}

func (s *sut) resume(*rapid.T) {
	s.flow.Resume()
	s.paused, s.gone, s.hold = false, false, time.Time{}
	s.probing, s.probe, s.probeWait = false, nil, 0
}

func newSUT(t *rapid.T) *sut {
	config := Config{
		Concurrency:  rapid.IntRange(1, 5).Draw(t, "concurrency"),
		MaxAttempts:  rapid.IntRange(0, 4).Draw(t, "attempts"),
		First:        200 * time.Millisecond,
		Most:         time.Second,
		KeepBodies:   rapid.Bool().Draw(t, "keep"),
		MaxOpen:      rapid.SampledFrom([]int{5, 20, 1000}).Draw(t, "open"),
		AheadRecords: rapid.SampledFrom([]int{1, 3, 100}).Draw(t, "ahead"),
		AheadBytes:   rapid.SampledFrom([]int{20, 10_000}).Draw(t, "bytes"),
		MaxLoads:     rapid.SampledFrom([]int{1, 3, 64}).Draw(t, "loads"),
	}
	s := &sut{
		model:     model{config: config, now: start},
		random:    rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)),
		reading:   map[int32]int{},
		published: map[int32]uint64{},
	}
	s.flow = New(s.now, config, Progress{}, nil, s.random)
	return s
}

// finish lets everything be delivered: nothing is lost, and nothing waits for ever.
func (s *sut) finish(t *rapid.T) {
	s.resume(t)
	s.slow = false
	for range 100 * (len(s.records) + 10) {
		s.settle(t)
		for _, r := range s.records {
			if r.dead {
				r.done, r.dead = true, false
				s.flow.Drop(r.Position)
			}
			if r.flying {
				s.flow.Answer(s.now, r.Position, Done, 0)
				s.learn(r, Done, 0)
				r.done, r.flying = true, false
			}
		}
		s.now = s.now.Add(100 * time.Millisecond)
		if !slices.ContainsFunc(s.records, func(r *naive) bool { return !r.done }) {
			break
		}
	}
	for _, r := range s.records {
		if !r.done {
			t.Fatalf("%v was never delivered: %+v", r.Position, s.flow.Stat(s.now))
		}
	}
	if stat := s.flow.Stat(s.now); stat.Open != 0 || stat.Busy != 0 || s.flow.asked != 0 || len(s.flow.keys) != 0 {
		t.Fatalf("something is left: %+v, %d asked, %d keys", stat, s.flow.asked, len(s.flow.keys))
	}
}
