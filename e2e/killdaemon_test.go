package e2e

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// The daemon is killed under 200 requests a second: nobody notices, another is
// there within a second, and it adopts what runs.
func TestKillDaemonUnderLoad(t *testing.T) {
	for _, fresh := range []bool{true, false} {
		t.Run(map[bool]string{true: "fresh connections", false: "keep-alive"}[fresh], func(t *testing.T) {
			a := startTiny(t, 2, 2)
			l := startLoad(t, loadOptions{rate: 200, fresh: fresh, urls: []string{a.url("/s1"), a.url("/s2")}})
			a.killDaemon(t, l)
			l.more(200)
			l.finish()
			if len(l.retried) > 0 {
				t.Errorf("%d connections broke", len(l.retried))
			}
			a.mustBeWhole(t)
		})
	}
}

// The same with the shop, whose services do real work.
func TestKillDaemonOfTheShopUnderLoad(t *testing.T) {
	long(t)
	s := startShop(t)
	ada := s.signUp()
	l := startLoad(t, loadOptions{
		rate: 200, fresh: true, urls: without(ada.reads(), ""), header: map[string][]string{"Authorization": {"Bearer " + ada.token}},
	})
	for range 3 {
		s.killDaemon(t, l)
		l.more(200)
	}
	l.finish()
	ada.buy()
}

// killDaemon kills the daemon under a load and waits for the next one.
func (a *app) killDaemon(t *testing.T, l *load) {
	t.Helper()
	before := a.settled(30 * time.Second)
	daemon, plane := int(before.GetDaemon().GetPid()), int(before.GetDataPlane().GetPid())
	began := kill(t, daemon)
	var back time.Duration
	after := a.when(10*time.Second, "a new daemon", func(st *appStatus) error {
		if int(st.GetDaemon().GetPid()) == daemon {
			return errors.New("the old one answers")
		}
		if back == 0 {
			back = time.Since(began)
		}
		if !st.GetSettled() {
			return errors.New("it has not settled")
		}
		return nil
	})
	_, _, failed := l.counts()
	figure(t, "a new daemon answers after %s, has settled after %s; %d requests failed", ms(back), ms(time.Since(began)), failed)
	if back >= time.Second {
		t.Errorf("the new daemon answers after %s, want less than 1s", back)
	}
	if now := int(after.GetDataPlane().GetPid()); now != plane {
		t.Errorf("the data plane was process %d and is %d now", plane, now)
	}
	if was, is := before.GetDataPlane().GetStartedAt().AsTime(), after.GetDataPlane().GetStartedAt().AsTime(); !was.Equal(is) {
		t.Errorf("the data plane was started at %s, and at %s by what the new daemon says", was, is)
	}
	samePids(t, pids(before), pids(after))
}

// mustBeWhole fails the test unless each instance is one process.
func (a *app) mustBeWhole(t *testing.T) {
	t.Helper()
	st, err := a.status()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.whole(st); err != nil {
		t.Error(err)
	}
}

// whole says what is wrong with an app's processes: each instance that the
// status knows is one process, the one it names, and there are no others.
func (a *app) whole(st *appStatus) error {
	known, found := pids(st), a.instanceProcesses()
	for _, s := range st.GetServices() {
		if int(s.GetDesired()) != len(s.GetInstances()) {
			return fmt.Errorf("%s has %d instances, want %d: %v", s.GetName(), len(s.GetInstances()), s.GetDesired(), s.GetInstances())
		}
	}
	for id, pid := range known {
		if len(found[id]) != 1 || found[id][0] != pid {
			return fmt.Errorf("instance %s is process %d by the status; there are %v", id, pid, found[id])
		}
	}
	for id, list := range found {
		if known[id] == 0 {
			return fmt.Errorf("processes %v are of instance %s, which the status does not know", list, id)
		}
	}
	return nil
}
