package e2e

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"
)

// The data plane is killed under 200 requests a second that each open a
// connection. No connection is refused, because the daemon holds the sockets;
// what was in flight may fail, nothing else; and it is back within a second.
func TestKillDataPlaneFreshConnections(t *testing.T) {
	long(t)
	a := startTiny(t, 2, 2)
	l := startLoad(t, loadOptions{rate: 200, fresh: true, urls: []string{a.url("/s1/sleep?d=20ms"), a.url("/s2")}})
	for range rounds(1, 3) {
		a.killPlane(t, l, false)
		l.more(200)
	}
	l.end()
	a.mustBeWhole(t)
}

// The same with connections that are kept: those that were idle are broken,
// too, and each may cost one request.
func TestKillDataPlaneKeepAlive(t *testing.T) {
	a := startTiny(t, 2, 2)
	// Slow answers keep several connections busy and leave several idle.
	l := startLoad(t, loadOptions{rate: 200, urls: []string{a.url("/s1/sleep?d=20ms"), a.url("/s2")}})
	for range rounds(1, 3) {
		a.killPlane(t, l, true)
		l.more(200)
	}
	l.end()
	a.mustBeWhole(t)
}

// killPlane kills the data plane under a load and waits for the next one.
func (a *app) killPlane(t *testing.T, l *load, kept bool) {
	t.Helper()
	before := a.settled(30 * time.Second)
	plane := int(before.GetDataPlane().GetPid())
	_, _, failedBefore := l.counts()
	retriedBefore := len(l.retries())
	requests, idle := l.flying()
	began := kill(t, plane)
	gone := dead(t, plane)
	// What began between the count and the death was in flight as well.
	allowed := requests + l.began(began.Add(-10*time.Millisecond), gone)
	if kept {
		allowed += idle
	}
	after := a.when(10*time.Second, "a new data plane", func(st *appStatus) error {
		if now := int(st.GetDataPlane().GetPid()); now == plane || now == 0 || !st.GetSettled() {
			return fmt.Errorf("it is %d", now)
		}
		return nil
	})
	var back time.Time
	await(t, 10*time.Second, "an answer after the kill", func() error {
		var ok bool
		if back, ok = l.firstAfter(gone); !ok {
			return errors.New("none yet; failures:\n" + l.describe(10))
		}
		return nil
	})
	l.more(100)
	_, _, failed := l.counts()
	failed -= failedBefore
	broken := failed + len(l.retries()) - retriedBefore
	figure(t, "answers again after %s; %d failed and %d hidden by a second try, with %d in flight and %d idle connections",
		ms(back.Sub(began)), failed, broken-failed, requests, idle)
	if back.Sub(began) >= time.Second {
		t.Errorf("it answers again after %s, want less than 1s", back.Sub(began))
	}
	if broken > allowed {
		t.Errorf("%d requests met a broken connection, at most %d may:\n%s", broken, allowed, l.describe(20))
	}
	for _, f := range l.failed()[failedBefore:] {
		if f.kind == "refused" || !kept && f.began.After(gone) {
			t.Errorf("request #%d, %s after the death: %s", f.number, f.began.Sub(gone), f.kind)
		}
	}
	samePids(t, pids(before), pids(after))
	if now := after.GetDaemon().GetPid(); now != before.GetDaemon().GetPid() {
		t.Errorf("the daemon was process %d and is %d now", before.GetDaemon().GetPid(), now)
	}
}

// A data plane that hangs is replaced after 5 s. What came meanwhile waits.
func TestStopDataPlane(t *testing.T) {
	long(t)
	a := startTiny(t, 2, 1)
	l := startLoad(t, loadOptions{rate: 50, fresh: true, urls: []string{a.url("/s1"), a.url("/s2")}})
	before := a.settled(30 * time.Second)
	plane := int(before.GetDataPlane().GetPid())
	requests, _ := l.flying()
	began := time.Now()
	signal(t, plane, syscall.SIGSTOP)
	a.when(20*time.Second, "a new data plane", func(st *appStatus) error {
		if now := int(st.GetDataPlane().GetPid()); now == plane || now == 0 || !st.GetSettled() {
			return fmt.Errorf("it is %d", now)
		}
		return nil
	})
	took := time.Since(began)
	l.more(200)
	l.end()
	figure(t, "replaced after %s; %d of %d requests failed, %d were in flight; the longest waited %s",
		ms(took), len(l.failures), l.sent, requests, ms(l.slowest))
	if took < 4*time.Second || took > 9*time.Second {
		t.Errorf("it was replaced after %s, want about 5s", took)
	}
	for _, f := range l.failures {
		if f.kind == "refused" || f.began.After(began.Add(5*time.Millisecond)) {
			t.Errorf("request #%d, %s after the stop: %s", f.number, f.began.Sub(began), f.kind)
		}
	}
	samePids(t, pids(before), a.pidsNow())
}

// Daemon and data plane are killed at once. The services live on, and the next
// command of any kind brings the rest back.
func TestKillDaemonAndDataPlane(t *testing.T) {
	for name, command := range map[string][]string{"ps": {"ps"}, "up": {"up", "-d"}} {
		t.Run(name, func(t *testing.T) {
			a := startTiny(t, 3, 2)
			before := a.settled(30 * time.Second)
			daemon, plane := int(before.GetDaemon().GetPid()), int(before.GetDataPlane().GetPid())
			kill(t, daemon)
			kill(t, plane)
			dead(t, daemon)
			dead(t, plane)
			for id, pid := range pids(before) {
				if !alive(pid) {
					t.Errorf("instance %s died with them", id)
				}
			}
			a.must(command...)
			after := a.settled(10 * time.Second)
			samePids(t, pids(before), pids(after))
			a.mustBeWhole(t)
			for _, path := range []string{"/s1", "/s2", "/s3"} {
				a.who(path)
			}
		})
	}
}
