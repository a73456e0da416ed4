package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"syscall"
	"testing"

	"github.com/banyanrun/banyan/internal/bus/journal/fsystest"
	"github.com/banyanrun/banyan/internal/telemetry/block"
	"github.com/banyanrun/banyan/internal/telemetry/block/blocktest"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// lives is how often the machine of one run stops.
const lives = 4

// machine is one run of a store on a disk that stops at a random call, and what
// was appended to it.
type machine struct {
	disk   *fsystest.Disk
	random *rand.Rand
	source *blocktest.Source
	change func(*Options)

	spans map[signal.SpanID]signal.Span
	sure  map[signal.SpanID]bool // must be there
	since []signal.SpanID        // appended after the last sync
	power bool                   // the last stop was a loss of power
	loses bool                   // retention may remove any
}

func newMachine(seed uint64) *machine {
	return &machine{
		disk: fsystest.New(seed), random: rand.New(rand.NewPCG(seed, 1)), source: blocktest.New(seed, began.UnixNano()),
		spans: map[signal.SpanID]signal.Span{}, sure: map[signal.SpanID]bool{}, change: func(*Options) {},
	}
}

var errTorn = errors.New("torn")

func (m *machine) run(t *testing.T) error {
	t.Helper()
	for range lives {
		s := openOn(t, m.disk, m.change)
		if err := m.check(t, s); err != nil {
			return err
		}
		stop := m.disk.Calls() + 1 + m.random.IntN(60)
		m.disk.Fail(stopAt(stop))
		for m.disk.Calls() < stop {
			m.step(s)
		}
		m.stop(m.random.IntN(3) > 0)
	}
	s := openOn(t, m.disk, m.change)
	return m.check(t, s)
}

// stopAt makes a call fail in the middle, and all later ones.
func stopAt(stop int) fsystest.Fault {
	return func(_ fsystest.Op, _ string, call int) error {
		switch {
		case call == stop:
			return errTorn
		case call > stop:
			return fsystest.ErrHalted
		}
		return nil
	}
}

// step does something that a running store does.
func (m *machine) step(s *Store) {
	switch m.random.IntN(6) {
	case 0:
		before := m.disk.Calls()
		s.spans.sync()
		if s.Status()[0].Err == nil && m.disk.Calls() > before {
			m.since = nil
		}
	case 1, 2:
		s.spans.work()
	default:
		batch := m.source.Spans(1 + m.random.IntN(15))
		err := s.AppendSpans(batch)
		for _, span := range batch {
			m.spans[span.ID] = span
			if err == nil {
				m.sure[span.ID] = true
				m.since = append(m.since, span.ID)
			}
		}
	}
}

// stop ends the machine's life by a loss of power, or a kill.
func (m *machine) stop(power bool) {
	m.power = power
	if power {
		m.disk.PowerLoss()
		for _, id := range m.since {
			delete(m.sure, id)
		}
	} else {
		m.disk.Kill()
	}
	m.disk.Fail(nil)
	m.since = nil
}

// check compares all that the store has with what was appended.
func (m *machine) check(t *testing.T, s *Store) error {
	t.Helper()
	seen := map[signal.SpanID]bool{}
	v := s.spans.view()
	defer v.close()
	for _, src := range v.sources {
		rows := make([]uint32, src.meta.Rows)
		for i := range rows {
			rows[i] = uint32(i)
		}
		var wrong error
		if err := v.read(t.Context(), src, func(r block.Records) error {
			return r.Spans(rows, block.Want{}, func(_ uint32, span *signal.Span) bool {
				if seen[span.ID] {
					wrong = fmt.Errorf("span %s is there twice", span.ID)
				} else if want, ok := m.spans[span.ID]; !ok || !reflect.DeepEqual(*span, want) {
					wrong = fmt.Errorf("span %s is not what was appended", span.ID)
				}
				seen[span.ID] = true
				return wrong == nil
			})
		}); err != nil || wrong != nil {
			return errors.Join(err, wrong)
		}
	}
	for id := range m.sure {
		if !seen[id] && !m.loses {
			return fmt.Errorf("span %s is lost; the power was: %v", id, m.power)
		}
	}
	// What is there now was read, and is synced before it counts.
	for id := range seen {
		m.since = append(m.since, id)
		m.sure[id] = true
	}
	for id := range m.spans {
		if !seen[id] {
			delete(m.spans, id)
			delete(m.sure, id)
		}
	}
	return nil
}

func runs() int {
	if testing.Short() {
		return 10
	}
	if os.Getenv("BANYAN_E2E") == "" {
		return 40
	}
	return 2000
}

// Machines stop at any call of the file system, by a kill or a loss of power: what
// was appended before a kill is there, and what was synced before a loss of power,
// once and as it was.
func TestCrashes(t *testing.T) {
	for seed := range uint64(runs()) {
		if err := newMachine(seed).run(t); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// The same with a limit that is reached: blocks are sampled, merged and removed.
func TestCrashesWithLittleRoom(t *testing.T) {
	for seed := range uint64(runs()) {
		m := newMachine(seed)
		m.loses = true
		m.change = func(o *Options) { o.Limit, o.HeadRecords = 60<<10, 40 }
		if err := m.run(t); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// A machine stops at each call of the file system in turn, while blocks are made,
// sampled, merged and removed.
func TestStopsAtEachCall(t *testing.T) {
	step, most := 11, int64(0)
	switch {
	case testing.Short():
		step = 71
	case os.Getenv("BANYAN_E2E") != "":
		step = 1
	}
	for _, power := range []bool{false, true} {
		for stop, done := 1, false; !done; stop += step {
			m := newMachine(3)
			m.loses = true
			m.change = func(o *Options) { o.Limit, o.HeadRecords = 60<<10, 40 }
			s := openOn(t, m.disk, m.change)
			m.disk.Fail(stopAt(m.disk.Calls() + stop))
			before := m.disk.Calls()
			for range 60 {
				m.step(s)
			}
			most = max(most, s.Status()[0].Sampled)
			done = m.disk.Calls() < before+stop
			m.stop(power)
			if err := m.check(t, openOn(t, m.disk, m.change)); err != nil {
				t.Fatalf("call %d, power lost: %v: %v", stop, power, err)
			}
		}
	}
	if most == 0 {
		t.Error("nothing was sampled")
	}
}

// The control: on a disk that does not sync, losses are noticed.
func TestCrashesAreNoticed(t *testing.T) {
	noticed := 0
	for seed := range uint64(50) {
		m := newMachine(seed)
		m.disk.Lie = true
		if m.run(t) != nil {
			noticed++
		}
	}
	if noticed < 10 {
		t.Errorf("of 50 disks that lie, %d were noticed", noticed)
	}
}

// On a full disk the oldest blocks go first; then records are dropped and counted,
// and all goes on once there is room.
func TestFullDisk(t *testing.T) {
	disk := fsystest.New(1)
	s := openOn(t, disk, func(o *Options) { o.Limit = 400 << 10 })
	source := blocktest.New(1, began.UnixNano())
	fill := func() (dropped int) {
		for range 100 {
			if s.AppendSpans(source.Spans(20)) != nil {
				dropped++
			}
			s.spans.work()
		}
		return dropped
	}
	if n := fill(); n > 0 {
		t.Fatalf("%d batches were dropped with room", n)
	}
	disk.Fail(func(op fsystest.Op, _ string, _ int) error {
		if op == fsystest.Write || op == fsystest.Create {
			return syscall.ENOSPC
		}
		return nil
	})
	before := s.Status()[0]
	n := fill()
	st := s.Status()[0]
	if n != 100 || st.Dropped < 2000 || st.Err == nil || st.Blocks >= before.Blocks || st.Blocks == 0 {
		t.Errorf("%d batches were dropped, %+v", n, st)
	}
	disk.Fail(nil)
	s.spans.work()
	if n := fill(); n > 0 || s.Status()[0].Err != nil {
		t.Errorf("%d batches were dropped with room again: %v", n, s.Status()[0].Err)
	}
}
