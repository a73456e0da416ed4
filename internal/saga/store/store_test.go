package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
)

// place is where a store is, to be opened more than once.
type place struct {
	name string
	open func(t *testing.T) Store
	// run runs a statement behind the store's back.
	run func(t *testing.T, statement string)
}

func places(t *testing.T) []place {
	t.Helper()
	path := filepath.Join(t.TempDir(), "saga.db")
	all := []place{{
		name: "sqlite",
		open: func(t *testing.T) Store {
			t.Helper()
			return opened(t)(Open(t.Context(), path))
		},
		run: func(t *testing.T, statement string) {
			t.Helper()
			execute(t, "sqlite", path, statement)
		},
	}}
	address := ""
	return append(all, place{
		name: "postgres",
		open: func(t *testing.T) Store {
			t.Helper()
			if address == "" {
				address = newPostgres(t)
			}
			return opened(t)(Connect(t.Context(), address))
		},
		run: func(t *testing.T, statement string) {
			t.Helper()
			execute(t, "pgx", address+"&search_path=banyan_sagas", statement)
		},
	})
}

// each runs a test with both stores.
func each(t *testing.T, test func(t *testing.T, p place)) {
	t.Helper()
	for _, p := range places(t) {
		t.Run(p.name, func(t *testing.T) { test(t, p) })
	}
}

func acquired(t *testing.T, p place) Store {
	t.Helper()
	s := p.open(t)
	if err := s.Acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

var morning = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

func saga(n int) Saga {
	return Saga{
		ID: fmt.Sprintf("saga-%03d", n), Name: "checkout", Digest: "d1", Status: "running", Version: 1,
		Created: morning, Updated: morning, Due: morning.Add(time.Duration(n) * time.Second),
		By: "shop", Key: fmt.Sprintf("key-%d", n), Asked: "asked", Origin: []byte("{}"), Doc: []byte(`{"doc":1}`),
	}
}

func create(t *testing.T, s Store, c Change) Saga {
	t.Helper()
	made, isNew, err := s.Create(t.Context(), c)
	if err != nil || !isNew {
		t.Fatal(isNew, err)
	}
	return made
}

// next returns a saga's next version.
func next(s Saga, status string) Saga {
	s.Version++
	s.Status = status
	s.Updated = s.Updated.Add(time.Second)
	s.Doc = fmt.Appendf(nil, `{"doc":%d}`, s.Version)
	return s
}

func TestSagaIsKept(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		t.Helper()
		s := acquired(t, p)
		made := create(t, s, Change{Saga: saga(1), Log: []byte("started")})
		changed := next(made, "succeeded")
		changed.Due, changed.Expires = time.Time{}, morning.Add(time.Hour)
		if err := s.Update(t.Context(), Change{Saga: changed, Log: []byte("ended")}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = p.open(t)
		got, err := s.Load(t.Context(), made.ID)
		if err != nil || got.Damage != nil || fmt.Sprint(got) != fmt.Sprint(changed) {
			t.Errorf("%+v, want %+v: %v", got, changed, err)
		}
		lines, err := s.Log(t.Context(), made.N, 0, 10)
		want := []Line{{Version: 1, At: morning, Text: []byte("started")}, {Version: 2, At: morning.Add(time.Second), Text: []byte("ended")}}
		if err != nil || fmt.Sprint(lines) != fmt.Sprint(want) {
			t.Errorf("%+v: %v", lines, err)
		}
		if _, err := s.Load(t.Context(), "other"); !errors.Is(err, ErrNotFound) {
			t.Errorf("%v", err)
		}
	})
}

// TestStartedOnce: of sagas with one key, or one id, there is one, however many ask at once.
func TestStartedOnce(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		t.Helper()
		s := acquired(t, p)
		const most = 50
		var mu sync.Mutex
		made := map[int64]int{}
		isNew := 0
		var wg sync.WaitGroup
		for i := range most {
			wg.Go(func() {
				one := saga(1)
				one.ID = fmt.Sprint("id", i)
				got, first, err := s.Create(t.Context(), Change{Saga: one, Log: []byte("x")})
				mu.Lock()
				defer mu.Unlock()
				made[got.N]++
				if first {
					isNew++
				}
				if err != nil || got.Key != one.Key {
					t.Errorf("%+v %v", got, err)
				}
			})
		}
		wg.Wait()
		if len(made) != 1 || isNew != 1 {
			t.Errorf("%v, %d are new", made, isNew)
		}
		child := saga(2)
		child.Key, child.ID, child.Parent = "", "child", "saga-001"
		create(t, s, Change{Saga: child})
		if got, first, err := s.Create(t.Context(), Change{Saga: child}); err != nil || first || got.Parent != "saga-001" {
			t.Errorf("%+v %v %v", got, first, err)
		}
	})
}

// TestVersion: a change is made to the version that its caller has seen, and of many at once by one.
func TestVersion(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		t.Helper()
		s := acquired(t, p)
		made := create(t, s, Change{Saga: saga(1)})
		var mu sync.Mutex
		won := 0
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				err := s.Update(t.Context(), Change{Saga: next(made, "running"), Log: []byte("x"), Waits: []Wait{{Topic: "a", Step: "b"}}})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case !errors.Is(err, ErrVersion):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won != 1 {
			t.Errorf("%d", won)
		}
		if err := s.Update(t.Context(), Change{Saga: made}); !errors.Is(err, ErrVersion) {
			t.Errorf("%v", err)
		}
	})
}

// TestFence: who was paused while another took over writes nothing.
func TestFence(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		t.Helper()
		none := p.open(t)
		if _, _, err := none.Create(t.Context(), Change{Saga: saga(9)}); !errors.Is(err, ErrFenced) {
			t.Errorf("without a lease: %v", err)
		}
		paused := acquired(t, p)
		made := create(t, paused, Change{Saga: saga(1)})
		if p.name == "postgres" { // as time does it
			p.run(t, `UPDATE lease SET expires = '-infinity'`)
		}
		acquired(t, p)
		if _, _, err := paused.Create(t.Context(), Change{Saga: saga(2)}); !errors.Is(err, ErrFenced) {
			t.Errorf("create: %v", err)
		}
		if err := paused.Update(t.Context(), Change{Saga: next(made, "succeeded")}); !errors.Is(err, ErrFenced) {
			t.Errorf("update: %v", err)
		}
		if err := paused.Define(t.Context(), Definition{Digest: "x"}); !errors.Is(err, ErrFenced) {
			t.Errorf("define: %v", err)
		}
		if _, err := paused.Purge(t.Context(), morning, 1); !errors.Is(err, ErrFenced) {
			t.Errorf("purge: %v", err)
		}
		if got, err := paused.Load(t.Context(), made.ID); err != nil || got.Version != 1 {
			t.Errorf("%+v %v", got, err)
		}
	})
}

// TestDamage: no column of a row can change without being noticed, and other rows are not touched by it.
func TestDamage(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		t.Helper()
		s := acquired(t, p)
		create(t, s, Change{Saga: saga(1), Log: []byte("x"), Waits: []Wait{{Topic: "a", Step: "b"}}})
		create(t, s, Change{Saga: saga(2), Log: []byte("x")})
		for _, set := range []string{"doc = 'y'", "status = 'succeeded'", "version = 7", "due = 1", "digest = 'd2'", "expires = 7"} {
			column, _, _ := strings.Cut(set, " ")
			p.run(t, "CREATE TABLE kept AS SELECT "+columns+", n FROM saga")
			if column == "doc" && p.name == "sqlite" {
				set = "doc = x'00'"
			}
			p.run(t, "UPDATE saga SET "+set+" WHERE id = 'saga-001'")
			if _, err := s.Load(t.Context(), "saga-001"); fault.CodeOf(err) != fault.Damaged {
				t.Errorf("%s: %v", set, err)
			}
			all, err := s.Page(t.Context(), []string{"running", "succeeded"}, 0, 100, 10)
			if err != nil || len(all) != 2 || all[0].Damage == nil || all[1].Damage != nil || all[1].Doc == nil {
				t.Errorf("%s: %+v %v", set, all, err)
			}
			p.run(t, "UPDATE saga SET "+column+" = (SELECT "+column+" FROM kept WHERE kept.n = saga.n)")
			p.run(t, "DROP TABLE kept")
		}
		p.run(t, "UPDATE saga_log SET at = 7 WHERE saga = 1")
		if lines, err := s.Log(t.Context(), 1, 0, 10); err != nil || len(lines) != 1 || lines[0].Damage == nil {
			t.Errorf("%+v %v", lines, err)
		}
		p.run(t, "UPDATE waiting SET step = 'c'")
		if _, err := s.Waiting(t.Context(), "a", nil, 0, 10); fault.CodeOf(err) != fault.Damaged {
			t.Errorf("%v", err)
		}
	})
}

func TestLists(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		t.Helper()
		s := acquired(t, p)
		for i := range 30 {
			one := saga(i)
			if i%3 == 0 {
				one.Name, one.Status, one.Parent = "refund", "succeeded", "saga-001"
			}
			create(t, s, Change{Saga: one})
		}
		check := func(f Filter, want ...int) {
			t.Helper()
			all, err := s.List(t.Context(), f)
			var got []int
			for _, one := range all {
				got = append(got, int(one.N)-1)
				if one.Doc != nil || one.Damage != nil {
					t.Errorf("%+v", one)
				}
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%v: %v %v", f, got, err)
			}
		}
		check(Filter{Most: 3}, 29, 28, 27)
		check(Filter{Most: 3, Before: 28}, 26, 25, 24)
		check(Filter{Most: 3, Names: []string{"refund"}}, 27, 24, 21)
		check(Filter{Most: 3, Names: []string{"refund", "checkout"}, Statuses: []string{"succeeded"}}, 27, 24, 21)
		check(Filter{Most: 3, Names: []string{"checkout"}, Statuses: []string{"succeeded"}})
		check(Filter{Most: 2, Parent: "saga-001"}, 27, 24)
		page, err := s.Page(t.Context(), []string{"running", "compensating"}, 2, 6, 10)
		if err != nil || len(page) != 3 || page[0].N != 3 {
			t.Errorf("%+v %v", page, err)
		}
		if n, err := s.Last(t.Context()); n != 30 || err != nil {
			t.Errorf("%d %v", n, err)
		}
		due, err := s.Due(t.Context(), morning.Add(5*time.Second), morning.Add(20*time.Second), 3)
		if err != nil || len(due) != 3 || due[0] != (Timer{6, "saga-005", morning.Add(5 * time.Second)}) {
			t.Errorf("%+v %v", due, err)
		}
		count, err := s.Count(t.Context())
		if err != nil || !reflect.DeepEqual(count, map[string]int{"running": 20, "succeeded": 10}) {
			t.Errorf("%v %v", count, err)
		}
	})
}

func TestWaits(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		t.Helper()
		s := acquired(t, p)
		var all []Saga
		for i := range 3 {
			all = append(all, create(t, s, Change{Saga: saga(i), Waits: []Wait{{"paid", strconv.Itoa(i), "settled"}, {"sent", "", "shipped"}}}))
		}
		found, err := s.Waiting(t.Context(), "paid", []string{"", "1"}, 0, 10)
		if err != nil || !reflect.DeepEqual(found, []Waiting{{Wait{"paid", "1", "settled"}, all[1].N, all[1].ID}}) {
			t.Errorf("%+v %v", found, err)
		}
		found, err = s.Waiting(t.Context(), "sent", nil, all[0].N, 10)
		if err != nil || len(found) != 2 {
			t.Errorf("%+v %v", found, err)
		}
		for i := range all {
			c := Change{Saga: next(all[i], "running"), Waits: []Wait{}}
			if i == 0 {
				c.Waits = nil
			}
			if err := s.Update(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		found, err = s.Waiting(t.Context(), "paid", nil, 0, 10)
		if err != nil || len(found) != 1 || found[0].N != all[0].N {
			t.Errorf("%+v %v", found, err)
		}
		if topics, err := s.Topics(t.Context()); err != nil || !slices.Equal(topics, []string{"paid", "sent"}) {
			t.Errorf("%v %v", topics, err)
		}
	})
}

// TestPurge: what has expired goes in pages, but for what an open parent may want undone.
func TestPurge(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		t.Helper()
		s := acquired(t, p)
		for i := range 10 {
			one := saga(i)
			if i > 0 {
				one.Status, one.Expires = "succeeded", morning.Add(time.Duration(i)*time.Minute)
			}
			if i == 1 {
				one.Parent = "saga-000"
			}
			create(t, s, Change{Saga: one, Log: []byte("x")})
		}
		for _, want := range []int{3, 2, 0} {
			if n, err := s.Purge(t.Context(), morning.Add(6*time.Minute), 3); n != want || err != nil {
				t.Errorf("%d, want %d: %v", n, want, err)
			}
		}
		left, err := s.Page(t.Context(), []string{"running", "succeeded"}, 0, 100, 100)
		var ids []string
		for _, one := range left {
			ids = append(ids, one.ID)
		}
		if err != nil || !slices.Equal(ids, []string{"saga-000", "saga-001", "saga-007", "saga-008", "saga-009"}) {
			t.Errorf("%v %v", ids, err)
		}
		if lines, err := s.Log(t.Context(), 3, 0, 10); len(lines) != 0 || err != nil {
			t.Errorf("%v %v", lines, err)
		}
		// A key of what was purged can be used again.
		create(t, s, Change{Saga: saga(2)})
	})
}

func TestDefinitions(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		t.Helper()
		s := acquired(t, p)
		d := Definition{Digest: "d1", Name: "checkout", Text: []byte("text")}
		for range 2 {
			if err := s.Define(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := s.Definition(t.Context(), "d1"); err != nil || !reflect.DeepEqual(got, d) {
			t.Errorf("%+v %v", got, err)
		}
		if _, err := s.Definition(t.Context(), "d2"); !errors.Is(err, ErrNotFound) {
			t.Errorf("%v", err)
		}
		p.run(t, "UPDATE definition SET name = 'other'")
		if _, err := s.Definition(t.Context(), "d1"); fault.CodeOf(err) != fault.Damaged {
			t.Errorf("%v", err)
		}
	})
}

// TestOneIsRefusedAlone: what cannot be stored does not take others of its transaction with it.
func TestOneIsRefusedAlone(t *testing.T) {
	each(t, func(t *testing.T, p place) {
		t.Helper()
		s := acquired(t, p)
		bad := saga(0)
		// Two waits of one step cannot be.
		if _, _, err := s.Create(t.Context(), Change{Saga: bad, Waits: []Wait{{"a", "", "b"}, {"a", "", "b"}}}); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("%v", err)
		}
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				c := Change{Saga: saga(i)}
				if i%10 == 0 {
					c.Waits = []Wait{{"a", "", "b"}, {"a", "", "b"}}
				}
				if _, _, err := s.Create(t.Context(), c); (err != nil) != (i%10 == 0) {
					t.Errorf("%d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if count, err := s.Count(t.Context()); err != nil || count["running"] != 90 {
			t.Errorf("%v %v", count, err)
		}
		if err := s.Update(t.Context(), Change{Saga: Saga{Doc: make([]byte, DocMost+1)}}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v", err)
		}
	})
}
