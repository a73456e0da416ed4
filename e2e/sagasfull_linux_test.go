package e2e

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/banyanrun/banyan/e2e/ledger"
)

// The disk that has Banyan's state and that of the services gets full while sagas run:
// starting one is refused by 507, those under way wait, and when there is room again
// all go on by themselves, also where the daemon was killed meanwhile. None is lost, and
// each effect is there once.
func TestSagasOnAFullDisk(t *testing.T) {
	long(t)
	a := newSagaFaults(t, 5)
	a.smallDisk(t, 100<<20)
	a.up()
	book, err := ledger.Open(filepath.Join(a.ledger, "test.published"))
	if err != nil {
		t.Fatal(err)
	}
	s := ownStarts{t: t, book: book, url: a.banyanURL() + "/v1/sagas/checkout"}
	for range 20 {
		if res := s.start(); res.status != http.StatusCreated {
			t.Fatal(res)
		}
	}
	for _, dies := range []bool{false, true} {
		a.fullFor(t, &s, dies)
	}
	figure(t, "%s", a.judge(t))
}

// fullFor fills the disk for a while.
func (a sagaFaults) fullFor(t *testing.T, s *ownStarts, dies bool) {
	t.Helper()
	pause(t, 2*time.Second) // in which order starts some
	filler := a.fill(t, 1<<30)
	p := s.refused().problem(t, http.StatusInsufficientStorage, "sagas-full")
	t.Logf("refused: %s", p.Detail)
	pause(t, 3*time.Second) // in which answers come that cannot be stored
	waiting := len(a.sagas("running", 1000)) + len(a.sagas("compensating", 1000))
	if waiting == 0 {
		t.Error("no saga is under way: this run proves little")
	}
	s.refused()
	daemon := a.pid("daemon")
	if dies {
		kill(t, daemon)
		pause(t, time.Second) // in which none can start
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	await(t, 20*time.Second, "a start", func() error {
		if res := s.start(); res.status != http.StatusCreated {
			return errors.New(res.String())
		}
		return nil
	})
	figure(t, "%d sagas waited on the full disk; %s after there was room (the daemon was killed: %t), another was started", waiting, ms(time.Since(began)), dies)
	if now := a.pid("daemon"); !dies && now != daemon {
		t.Errorf("the daemon was process %d and is %d now", daemon, now)
	}
}

// ownStarts starts sagas in the test's own name, and notes them as order does.
type ownStarts struct {
	t    *testing.T
	book *ledger.Ledger
	url  string
	n    int
}

func (s *ownStarts) start() answer {
	s.t.Helper()
	s.n++
	input := map[string]any{"from": "from" + strconv.Itoa(s.n%10), "n": 1}
	res := ask(s.t, http.MethodPost, s.url, input, "Idempotency-Key", "test:"+strconv.Itoa(s.n))
	if res.status != http.StatusCreated {
		return res
	}
	var started struct{ ID string }
	res.decode(s.t, &started)
	if err := errors.Join(
		s.book.Append(ledger.Entry{Kind: ledger.Sent, Lane: "test", N: s.n, Count: 1}),
		s.book.Append(ledger.Entry{Kind: ledger.Kept, Lane: "test", N: s.n, Saga: started.ID}),
	); err != nil {
		s.t.Fatal(err)
	}
	return res
}

// refused starts sagas until one is refused.
func (s *ownStarts) refused() answer {
	s.t.Helper()
	for range 10_000 {
		if res := s.start(); res.status != http.StatusCreated {
			return res
		}
	}
	s.t.Fatal("the disk does not get full")
	return answer{}
}
