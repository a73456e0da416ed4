package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// An instance that says it is not ready gets no requests until it is again; one
// that is not alive is started anew.
func TestProbes(t *testing.T) {
	a := newApp(t, `
name: probes
gateway: {listen: ":${port}", routes: [{path: /s, to: s}]}
services:
	s:
		command: ${testapp}
		replicas: 2
		readiness: {http: /healthz, period: 100ms, failure_threshold: 2}
		liveness: {http: /alive, period: 100ms, failure_threshold: 3}
`)
	a.up()
	first := service(a.settled(10*time.Second), "s").GetInstances()[0]
	l := startLoad(t, loadOptions{rate: 100, urls: []string{a.url("/s/x")}})
	get(t, at(first, "/set?healthz=503"))
	a.when(10*time.Second, "the instance to be unready", func(st *appStatus) error {
		s := service(st, "s")
		if s.GetReady() != 1 || s.GetInstances()[0].GetState() != banyanv1.State_STATE_UNREADY {
			return fmt.Errorf("%v", s)
		}
		return nil
	})
	await(t, 10*time.Second, "no request to go to it", func() error {
		for range 20 {
			if i := a.who("/s/x").Instance; i == first.GetId() {
				return errors.New(i + " answers")
			}
		}
		return nil
	})
	get(t, at(first, "/set?healthz=200"))
	a.settled(10 * time.Second)
	if now := service(a.ps(), "s").GetInstances()[0]; now.GetPid() != first.GetPid() {
		t.Error("an instance that was not ready was started anew")
	}

	get(t, at(first, "/set?alive=500"))
	a.when(20*time.Second, "the instance to be started anew", func(st *appStatus) error {
		i := service(st, "s").GetInstances()[0]
		if i.GetPid() == first.GetPid() || !st.GetSettled() {
			return fmt.Errorf("%v", i)
		}
		return nil
	})
	l.finish()
}

// A service that takes its time is not sent a request before it is ready, and
// one that takes too long is said to.
func TestSlowStart(t *testing.T) {
	long(t)
	a := newApp(t, `
name: slow
gateway: {listen: ":${port}", routes: [{path: /slow, to: slow}]}
services:
	slow: {command: "${testapp}", environment: {START_DELAY: 1500ms}}
`)
	r := a.up()
	if r.took < 1500*time.Millisecond {
		t.Errorf("up took %s, the service 1.5s", r.took)
	}
	a.who("/slow")
	a.edit("START_DELAY: 1500ms}", "START_DELAY: 1h}, start_timeout: 1s")
	r = a.banyan("up", "-d", "--wait-timeout", "4s")
	if r.code != 1 || !strings.Contains(r.err, "start_timeout") && !strings.Contains(r.err, "nothing listens") {
		t.Errorf("want exit code 1 and why: %s", r)
	}
	t.Log(r)
	a.who("/slow") // the old revision serves
}

// What services keep outlives everything but the data itself.
func TestDataOutlivesDown(t *testing.T) {
	long(t)
	s := startShop(t)
	ada := s.signUp()
	order := ada.buy()
	s.must("down")
	s.up()
	get(t, s.url("/api/orders/"+order), ada.bearer()...)
	a := ask(t, http.MethodPost, s.url("/api/sessions"), map[string]string{"email": ada.email, "password": password})
	if a.status != http.StatusOK {
		t.Errorf("sign-in after down and up: %s", a)
	}
	ada.buy()
}

// A service on a port of its own, and one that speaks TCP.
func TestFixedPortAndTCP(t *testing.T) {
	fixed := freePort(t)
	a := newApp(t, strings.ReplaceAll(`
name: fixed
gateway: {listen: ":${port}", routes: [{path: /front, to: front}, {path: /old, to: old}]}
services:
	front: {command: "${testapp}", calls: {back: {}}}
	back: {command: "${testapp}", protocol: tcp}
	old: {command: "${testapp}", port: FIXED, environment: {VERSION: one}}
`, "FIXED", strconv.Itoa(fixed)))
	a.up()
	var i identity
	get(t, a.url("/front/call?addr=BACK_ADDR&path=/x")).decode(t, &i)
	if i.Service != "back" {
		t.Errorf("the TCP edge led to %+v", i)
	}
	if at := a.one("old").GetAddress(); !strings.HasSuffix(at, fmt.Sprintf(":%d", fixed)) {
		t.Errorf("it listens on %s, want port %d", at, fixed)
	}
	a.edit("VERSION: one", "VERSION: two")
	a.up()
	if got := a.who("/old").Version; got != "two" {
		t.Errorf("version %s", got)
	}
	if r := a.banyan("scale", "old", "2"); r.code == 0 || !strings.Contains(r.err, "fixed port") {
		t.Errorf("two replicas on one port: %s", r)
	}
}
