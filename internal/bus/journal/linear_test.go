package journal

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/journal/fsystest"
)

// Publishers and readers of a topic see one order of events, as if each publish
// and each read happened at one moment between its begin and its end; also where
// the same event is published by several at once, and across a loss of power. A
// publish that was not answered happened before the journal was open again, or never.
func TestLinearizable(t *testing.T) {
	runs := 200
	if testing.Short() {
		runs = 20
	}
	for seed := range uint64(runs) {
		h := &history{disk: fsystest.New(seed), random: rand.New(rand.NewPCG(seed, 9))}
		if err := h.run(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !porcupine.CheckOperations(logModel, h.all) {
			t.Fatalf("seed %d: no order of these explains all answers: %v", seed, h.all)
		}
	}
}

// The control: a topic that forgets what it acknowledged is no such thing, nor is
// one that stores an event twice, or shows what may yet be lost.
func TestLinearizableCanFail(t *testing.T) {
	publish := func(id string, at int64, offset uint64, duplicate bool) porcupine.Operation {
		return porcupine.Operation{Input: id, Call: at, Return: at + 1, Output: placed{offset, duplicate}}
	}
	read := func(at int64, ids string) porcupine.Operation {
		return porcupine.Operation{Call: at, Return: at + 1, Output: ids}
	}
	for name, all := range map[string][]porcupine.Operation{
		"lost":                {publish("a", 1, 1, false), read(3, "")},
		"twice":               {publish("a", 1, 1, false), publish("a", 3, 2, false)},
		"elsewhere":           {publish("a", 1, 1, false), publish("a", 3, 2, true)},
		"shown and then gone": {read(1, "a "), read(3, ""), {Input: "a", Call: 0, Return: 9}},
		"shown, never stored": {read(1, "a "), read(3, "")},
	} {
		if porcupine.CheckOperations(logModel, all) {
			t.Errorf("%s: it is explained", name)
		}
	}
}

// The control of the histories: on a disk that does not sync they must show losses.
func TestLinearizableNoticesLies(t *testing.T) {
	const runs = 20
	noticed := 0
	for seed := range uint64(runs) {
		h := &history{disk: fsystest.New(seed), random: rand.New(rand.NewPCG(seed, 9))}
		h.disk.Lie = true
		if h.run() != nil || !porcupine.CheckOperations(logModel, h.all) {
			noticed++
		}
	}
	if noticed < runs/2 {
		t.Errorf("of %d disks that lie, %d were noticed", runs, noticed)
	}
}

// logModel is a log that has each event once. Its state is the ids in order, each
// followed by a space. The input is an id to publish, or nil to read all; the
// output is where it is, all ids, or nil: unknown.
var logModel = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		log := state.(string)
		id, publishes := input.(string)
		if !publishes {
			return output == log, log
		}
		ids := strings.Fields(log)
		at := slices.Index(ids, id)
		now := placed{uint64(at + 1), true}
		if at < 0 {
			log += id + " "
			now = placed{uint64(len(ids) + 1), false}
		}
		return output == nil || output == now, log
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprint(input, " -> ", output) },
}

type placed struct {
	offset    uint64
	duplicate bool
}

// history is what several clients did to one topic, and heard.
type history struct {
	disk   *fsystest.Disk
	random *rand.Rand

	moment atomic.Int64
	mu     sync.Mutex
	all    []porcupine.Operation // those that were answered
	open   []porcupine.Operation // publishes that were not
}

func (h *history) run() error {
	clock := newClock()
	for range 3 {
		j := New(Config{Dir: "/bus", FS: h.disk, Now: clock.now, SegmentFirst: 1 << 10, SegmentMost: 4 << 10})
		j.again = 0
		if err := j.Ensure(context.Background(), []engine.Topic{{Name: testTopic, Dedup: time.Hour}}); err != nil {
			return err
		}
		if err := h.settle(j); err != nil {
			return err
		}
		stop := h.disk.Calls() + 5 + h.random.IntN(60)
		h.disk.Fail(func(_ fsystest.Op, _ string, call int) error {
			if call >= stop {
				return fsystest.ErrHalted
			}
			return nil
		})
		var clients sync.WaitGroup
		for client := range 4 {
			random := rand.New(rand.NewPCG(h.random.Uint64(), 3))
			clients.Go(func() { h.client(j, client, random) })
		}
		clients.Wait()
		h.disk.Halt()
		j.Close()
		h.disk.PowerLoss()
		h.disk.Fail(nil)
	}
	return nil
}

// settle reads what has come of the publishes that were not answered.
func (h *history) settle(j *Journal) error {
	now := porcupine.Operation{Call: h.moment.Add(1)}
	log, err := ids(j)
	now.Output, now.Return = log, h.moment.Add(1)
	h.all = append(h.all, now)
	for _, op := range h.open {
		if slices.Contains(strings.Fields(log), op.Input.(string)) {
			op.Return = now.Call
			h.all = append(h.all, op)
		}
	}
	h.open = nil
	return err
}

// client publishes and reads until the disk stops, or long enough.
func (h *history) client(j *Journal, client int, random *rand.Rand) {
	for range 20 {
		op := porcupine.Operation{ClientId: client, Call: h.moment.Add(1)}
		var err error
		if random.IntN(3) == 0 {
			op.Output, err = ids(j)
		} else {
			id := strconv.Itoa(random.IntN(40)) // that others publish, too
			op.Input = id
			var at []engine.Placed
			at, err = j.Publish(context.Background(), testTopic, []engine.Record{{
				ID: engine.IDOf("/linear", id), Time: newClock().now(), Dedup: time.Hour, Data: []byte(id),
			}})
			if err == nil {
				op.Output = placed{at[0].Offset, at[0].Duplicate}
			}
		}
		op.Return = h.moment.Add(1)
		h.mu.Lock()
		switch {
		case err == nil:
			h.all = append(h.all, op)
		case op.Input != nil:
			h.open = append(h.open, op)
		}
		h.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// ids are the events that can be read, as the model has them.
func ids(j *Journal) (string, error) {
	var all strings.Builder
	for at := (engine.Position{}); ; {
		got, err := j.Read(context.Background(), testTopic, at, 1000)
		if err != nil || len(got) == 0 {
			return all.String(), err
		}
		for _, s := range got {
			at = s.Position
			all.Write(s.Data)
			all.WriteByte(' ')
		}
	}
}
