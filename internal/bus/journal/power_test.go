package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/journal/fsystest"
)

// lives is how often the machine of one run stops.
const lives = 4

// A thousand machines stop four times each, at a random call of the file system,
// by a kill or a loss of power, while publishers publish, repeat, and release. What was
// acknowledged must be there, once, where it was said to be.
func TestPowerLoss(t *testing.T) {
	runs := 1000
	if testing.Short() {
		runs = 100
	}
	for seed := range uint64(runs) {
		if err := newMachine(seed, false).run(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// The control: on a disk that does not sync the same runs must find losses, or
// they would find none anywhere.
func TestPowerLossIsNoticed(t *testing.T) {
	const runs = 100
	noticed := 0
	for seed := range uint64(runs) {
		if newMachine(seed, true).run() != nil {
			noticed++
		}
	}
	if noticed < runs/2 {
		t.Errorf("of %d disks that lie, %d were noticed", runs, noticed)
	}
}

// machine is one run, and its ledger.
type machine struct {
	disk   *fsystest.Disk
	random *rand.Rand
	clock  *clock

	mu       sync.Mutex
	acked    map[engine.ID]entry
	released uint64
	ids      int // how many were made
}

type entry struct {
	offset uint64
	data   string
}

func newMachine(seed uint64, lies bool) *machine {
	m := &machine{disk: fsystest.New(seed), random: rand.New(rand.NewPCG(seed, 1)), clock: newClock(), acked: map[engine.ID]entry{}}
	m.disk.Lie = lies
	return m
}

func (m *machine) open() (*Journal, error) {
	j := New(Config{Dir: "/bus", FS: m.disk, Now: m.clock.now, SegmentFirst: 1 << 10, SegmentMost: 4 << 10})
	j.again = 0
	err := j.Ensure(context.Background(), []engine.Topic{{Name: "t", Dedup: time.Hour, MaxBytes: 16 << 10}})
	return j, err
}

func (m *machine) run() error {
	for range lives {
		if err := m.live(); err != nil {
			return err
		}
		if m.random.IntN(4) == 0 {
			m.disk.Kill()
		} else {
			m.disk.PowerLoss()
		}
		m.disk.Fail(nil)
	}
	j, err := m.open()
	if err != nil {
		return err
	}
	defer j.Close()
	return m.check(j)
}

// live opens the journal, checks it, and publishes until the machine stops.
func (m *machine) live() error {
	j, err := m.open()
	if err != nil {
		return err
	}
	defer j.Close()
	if err := m.check(j); err != nil {
		return err
	}
	m.disk.Fail(m.faults())
	var publishers sync.WaitGroup
	for range 1 + m.random.IntN(3) {
		random := rand.New(rand.NewPCG(m.random.Uint64(), 2))
		publishers.Go(func() { m.publish(j, random) })
	}
	publishers.Wait()
	m.disk.Halt()
	return nil
}

// faults lets the disk be full now and then, fail a sync, and in the end stop.
func (m *machine) faults() fsystest.Fault {
	stop := m.disk.Calls() + 1 + m.random.IntN(150)
	random := rand.New(rand.NewPCG(m.random.Uint64(), 3))
	fullEach, broken := random.IntN(3)*20, random.IntN(4) == 0
	return func(op fsystest.Op, _ string, call int) error {
		switch {
		case call < stop:
			if op == fsystest.Write && fullEach > 0 && random.IntN(fullEach) == 0 {
				return syscall.ENOSPC
			}
			return nil
		case !broken || call > 2*stop:
			return fsystest.ErrHalted
		case op == fsystest.Sync:
			broken = false
			return syscall.EIO
		default:
			return nil
		}
	}
}

// publish goes on until the machine stops, or long enough.
func (m *machine) publish(j *Journal, random *rand.Rand) {
	for range 100 {
		records := make([]engine.Record, 1+random.IntN(4))
		for i := range records {
			records[i] = m.record(random)
		}
		placed, err := j.Publish(context.Background(), "t", records)
		switch {
		case err == nil:
			m.acknowledge(records, placed)
		case !errors.Is(err, engine.ErrFull):
			return
		}
		m.mu.Lock()
		if random.IntN(8) == 0 || err != nil {
			for _, e := range m.acked {
				m.released = max(m.released, e.offset)
			}
		}
		low := m.released
		m.mu.Unlock()
		if j.Release(context.Background(), "t", []engine.Position{{Offset: low}}) != nil {
			return
		}
	}
}

// record returns a new one, or one that was made before.
func (m *machine) record(random *rand.Rand) engine.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.ids
	if n > 0 && random.IntN(4) == 0 {
		n = random.IntN(n)
	} else {
		m.ids++
	}
	data := fmt.Sprintf("%d:%0*d", n, n%7*100, n)
	return engine.Record{ID: engine.IDOf("/power", strconv.Itoa(n)), Time: m.clock.now(), Dedup: time.Hour, Data: []byte(data)}
}

func (m *machine) acknowledge(records []engine.Record, placed []engine.Placed) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, p := range placed {
		m.acked[records[i].ID] = entry{p.Offset, string(records[i].Data)}
	}
}

// check holds what is stored against the ledger.
func (m *machine) check(j *Journal) error {
	ctx := context.Background()
	stat, err := j.Stat(ctx, "t")
	if err != nil || stat.Health == engine.Stopped {
		return errors.Join(fmt.Errorf("the topic is %v", stat.Health), err, stat.Why)
	}
	kept := stat.Partitions[0]
	stored := map[engine.ID]entry{}
	for at := kept.Start; at.Offset < kept.End.Offset; {
		got, err := j.Read(ctx, "t", at, 100)
		if err != nil {
			return err
		}
		for _, s := range got {
			if s.Offset != at.Offset+1 {
				return fmt.Errorf("%d follows %d", s.Offset, at.Offset)
			}
			if _, again := stored[s.ID]; again {
				return fmt.Errorf("%q is stored twice", s.Data)
			}
			at, stored[s.ID] = s.Position, entry{s.Offset, string(s.Data)}
		}
	}
	for id, want := range m.acked {
		got, ok := stored[id]
		switch {
		case !ok && want.offset <= min(kept.Start.Offset, m.released): // it was removed
		case got != want:
			return fmt.Errorf("acknowledged as %+v, stored as %+v, kept is %+v", want, got, kept)
		}
	}
	return nil
}
