package progress_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/progress"
	"github.com/banyanrun/banyan/internal/fault"
)

var name = progress.Name{Topic: "t", Service: "s"}

func TestMain(m *testing.M) {
	if path := os.Getenv("PROGRESS_TEST_WRITER"); path != "" {
		writeForEver(path)
	}
	os.Exit(m.Run())
}

// writeForEver stores dead letters and prints the number of each that is durable.
func writeForEver(path string) {
	s, err := progress.Open(context.Background(), path)
	if err != nil {
		panic(err)
	}
	for n := 1; ; n++ {
		if err := s.AddDead(context.Background(), letter(n), nil); err != nil {
			panic(err)
		}
		fmt.Println(n)
	}
}

func letter(n int) progress.Dead {
	at := time.UnixMicro(int64(n)).UTC()
	return progress.Dead{
		Name: name, Event: engine.Stored{Position: engine.Position{Partition: 1, Offset: uint64(n)}, Record: record(n)},
		Attempts: 3, First: at, Last: at.Add(time.Second), Status: 500, Error: "no", Response: []byte("sorry"),
	}
}

func record(n int) engine.Record {
	return engine.Record{
		ID: engine.IDOf("s", strconv.Itoa(n)), Key: "k", Time: time.UnixMicro(7).UTC(), Dedup: time.Hour,
		Attrs: []engine.Attr{{Name: "id", Value: strconv.Itoa(n)}}, Data: []byte{0, 1, 0xff},
	}
}

func open(t *testing.T, path string) *progress.Store {
	t.Helper()
	s, err := progress.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fill stores one of everything.
func fill(t *testing.T, s *progress.Store) {
	t.Helper()
	check(t, s.Save(t.Context(), progress.Change{
		Subscription: progress.Subscription{Name: name, State: progress.Gone, Why: "410", Revision: "r", Progress: []byte{1, 0}},
		Troubles: []progress.Trouble{
			{Position: engine.Position{Offset: 1 << 63}, Attempts: 2, First: time.UnixMicro(1).UTC(), NotBefore: time.UnixMicro(2).UTC(), Status: 404, Error: "x"},
			{Position: engine.Position{Offset: 7}, Attempts: 1},
		},
	}))
	check(t, s.AddDead(t.Context(), letter(1), &progress.Delayed{Due: time.UnixMicro(5).UTC(), Topic: "d", Event: record(9)}))
	check(t, s.AddSchema(t.Context(), "t", []byte("{}")))
	check(t, s.Mark(t.Context(), progress.Marks{"t": {{Offset: 5}, {Partition: 2, Offset: 6}}}))
}

func TestWhatIsStoredIsReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus.db")
	s := open(t, path)
	fill(t, s)
	check(t, s.Close())
	s = open(t, path)
	defer s.Close()
	subs, err := s.Subscriptions(t.Context())
	check(t, err)
	if want := (progress.Subscription{Name: name, State: progress.Gone, Why: "410", Revision: "r", Progress: []byte{1, 0}}); !reflect.DeepEqual(subs[name], want) {
		t.Errorf("%+v", subs)
	}
	troubles, err := s.Troubles(t.Context(), name)
	check(t, err)
	if len(troubles) != 2 {
		t.Fatalf("%+v", troubles)
	}
	letters, err := s.ListDead(t.Context(), "t", "", 0, 9)
	check(t, err)
	want := letter(1)
	want.N = 1
	if len(letters) != 1 || !reflect.DeepEqual(letters[0], want) {
		t.Errorf("%+v, want %+v", letters, want)
	}
	due, err := s.Due(t.Context(), time.UnixMicro(5), nil, 9)
	check(t, err)
	if len(due) != 1 || !reflect.DeepEqual(due[0], progress.Delayed{N: 1, Due: time.UnixMicro(5).UTC(), Topic: "d", Event: record(9)}) {
		t.Errorf("%+v", due)
	}
	marks, err := s.Marks(t.Context())
	check(t, err)
	if want := (progress.Marks{"t": {{Offset: 5}, {Partition: 2, Offset: 6}}}); !reflect.DeepEqual(marks, want) {
		t.Errorf("%v", marks)
	}
	schemas, err := s.Schemas(t.Context())
	check(t, err)
	if len(schemas) != 1 || string(schemas["t"]) != "{}" {
		t.Errorf("%v", schemas)
	}
}

func TestTroubleEnds(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "bus.db"))
	defer s.Close()
	fill(t, s)
	check(t, s.Save(t.Context(), progress.Change{
		Subscription: progress.Subscription{Name: name, State: progress.Active, Progress: []byte{}},
		Troubles:     []progress.Trouble{{Position: engine.Position{Offset: 7}, Attempts: 2}},
		Settled:      []engine.Position{{Offset: 1 << 63}},
	}))
	if troubles, err := s.Troubles(t.Context(), name); err != nil || len(troubles) != 1 || troubles[0].Attempts != 2 {
		t.Errorf("%+v %v", troubles, err)
	}
	check(t, s.Forget(t.Context(), name))
	if troubles, err := s.Troubles(t.Context(), name); err != nil || len(troubles) != 0 {
		t.Errorf("%+v %v", troubles, err)
	}
}

// TestDeadTwice: what is given up again keeps its number.
func TestDeadTwice(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "bus.db"))
	defer s.Close()
	for n := 1; n <= 3; n++ {
		check(t, s.AddDead(t.Context(), letter(n), nil))
	}
	again := letter(2)
	again.Attempts = 99
	check(t, s.AddDead(t.Context(), again, nil))
	d, found, err := s.GetDead(t.Context(), 2)
	if err != nil || !found || d.Attempts != 99 {
		t.Errorf("%+v %v", d, err)
	}
	letters, err := s.ListDead(t.Context(), "t", "s", 1, 1)
	if err != nil || len(letters) != 1 || letters[0].N != 2 {
		t.Errorf("%+v %v", letters, err)
	}
	check(t, s.RemoveDead(t.Context(), 2))
	if counts, err := s.CountDead(t.Context()); err != nil || counts[name] != 2 {
		t.Errorf("%v %v", counts, err)
	}
}

func TestDelayed(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "bus.db"))
	defer s.Close()
	event := func(n int, topic string) progress.Delayed {
		return progress.Delayed{Due: time.UnixMicro(int64(10 - n)), Topic: topic, Event: record(n)}
	}
	duplicate, err := s.AddDelayed(t.Context(), []progress.Delayed{event(1, "a"), event(2, "a"), event(1, "b"), event(1, "a")})
	check(t, err)
	if !reflect.DeepEqual(duplicate, []bool{false, false, false, true}) {
		t.Errorf("%v", duplicate)
	}
	due, err := s.Due(t.Context(), time.UnixMicro(10), []string{"b"}, 9)
	check(t, err)
	if len(due) != 2 || due[0].N != 2 || due[1].N != 1 {
		t.Errorf("%+v", due)
	}
	if next, err := s.NextDue(t.Context()); err != nil || next.UnixMicro() != 8 {
		t.Errorf("%v %v", next, err)
	}
	if due, err = s.Due(t.Context(), time.UnixMicro(7), nil, 9); err != nil || len(due) != 0 {
		t.Errorf("%v %v", due, err)
	}
	check(t, s.RemoveDelayed(t.Context(), []int64{1, 2, 3}))
	if next, err := s.NextDue(t.Context()); err != nil || !next.IsZero() {
		t.Errorf("%v %v", next, err)
	}
}

// TestDamageIsReported changes one column of each table behind the store's back.
func TestDamageIsReported(t *testing.T) {
	for what, read := range map[string]func(context.Context, *progress.Store) error{
		`subscription SET state = 'active'`: func(ctx context.Context, s *progress.Store) error { _, err := s.Subscriptions(ctx); return err },
		`trouble SET attempts = 0`:          func(ctx context.Context, s *progress.Store) error { _, err := s.Troubles(ctx, name); return err },
		`dead SET data = x'00'`: func(ctx context.Context, s *progress.Store) error {
			_, err := s.ListDead(ctx, "t", "", 0, 9)
			return err
		},
		`delayed SET due = 1`: func(ctx context.Context, s *progress.Store) error {
			_, err := s.Due(ctx, time.Now(), nil, 9)
			return err
		},
		`schema SET text = x'7b'`: func(ctx context.Context, s *progress.Store) error { _, err := s.Schemas(ctx); return err },
		`mark SET place = 1`:      func(ctx context.Context, s *progress.Store) error { _, err := s.Marks(ctx); return err },
	} {
		path := filepath.Join(t.TempDir(), "bus.db")
		s := open(t, path)
		fill(t, s)
		check(t, read(t.Context(), s))
		check(t, s.Close())
		db, err := sql.Open("sqlite", path)
		check(t, err)
		_, err = db.ExecContext(t.Context(), "UPDATE "+what)
		check(t, err)
		check(t, db.Close())
		s = open(t, path)
		if err := read(t.Context(), s); fault.CodeOf(err) != fault.Damaged {
			t.Errorf("%s: %v", what, err)
		}
		check(t, s.Close())
	}
}

// TestKillLosesNothing kills a writer at a random moment: what it was told is durable must be there.
func TestKillLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus.db")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PROGRESS_TEST_WRITER="+path)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	promised := 0
	for promised < 50 {
		_, err := fmt.Fscan(out, &promised)
		check(t, err)
	}
	check(t, cmd.Process.Kill())
	for { // what was printed before the kill took effect
		if _, err := fmt.Fscan(out, &promised); err != nil {
			break
		}
	}
	_ = cmd.Wait() // killed
	s := open(t, path)
	defer s.Close()
	if letters, err := s.ListDead(t.Context(), "t", "", 0, promised+10); err != nil || len(letters) < promised {
		t.Errorf("%d promised, %d there, %v", promised, len(letters), err)
	}
}

// TestWritesTogether: callers that write at once share commits, and none sees another's error or end.
func TestWritesTogether(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "bus.db"))
	defer s.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var wg sync.WaitGroup
	for n := 1; n <= 200; n++ {
		wg.Go(func() {
			if n%10 == 0 {
				_ = s.AddDead(ended, letter(n), nil) // made or not
				return
			}
			if err := s.AddDead(t.Context(), letter(n), nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if letters, err := s.ListDead(t.Context(), "t", "", 0, 999); err != nil || len(letters) < 180 {
		t.Errorf("%d, %v", len(letters), err)
	}
}
