package h2

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// TestFloods: each kind of flood ends the connection, and not before its bound.
func TestFloods(t *testing.T) {
	reset := func(id uint32) []byte { return raw(typeReset, 0, id, "\x00\x00\x00\x08") }
	small := Bound{Burst: 20, PerSecond: 1}
	for _, tc := range []struct {
		kind   Kind
		name   string
		cfg    Config
		frames func(r *rig, i int) [][]byte // the i-th time
		keep   bool                         // output is not read
		times  int                          // how often it goes well
	}{
		{RapidReset, "rapid reset", Config{Limits: Limits{Resets: small}}, func(r *rig, i int) [][]byte {
			return [][]byte{r.post(uint32(2*i + 1)), reset(uint32(2*i + 1))}
		}, false, 20},
		{RapidReset, "resets of streams that are closed", Config{Limits: Limits{Resets: small}}, func(r *rig, i int) [][]byte {
			return [][]byte{reset(1)}
		}, false, 20},
		{RapidReset, "streams beyond the limit", Config{MaxStreams: 1, Limits: Limits{Resets: small}}, func(r *rig, i int) [][]byte {
			return [][]byte{r.post(uint32(2*i + 3))}
		}, false, 20},
		{ProvokedReset, "malformed requests", Config{Limits: Limits{Provoked: small}}, func(r *rig, i int) [][]byte {
			return [][]byte{r.post(uint32(2*i+1), "connection", "close")}
		}, false, 20},
		{ProvokedReset, "windows of nothing", Config{Limits: Limits{Provoked: small}}, func(r *rig, i int) [][]byte {
			return [][]byte{r.post(uint32(2*i + 1)), window(uint32(2*i+1), 0)}
		}, false, 20},
		{SettingsFlood, "SETTINGS", Config{Limits: Limits{Settings: small}}, func(*rig, int) [][]byte {
			return [][]byte{settings()}
		}, false, 19}, // one was sent before
		{PingFlood, "PING", Config{Limits: Limits{Pings: small}}, func(*rig, int) [][]byte {
			return [][]byte{appendPing(nil, 0, 1)}
		}, false, 20},
		{EmptyFrames, "empty DATA", Config{Limits: Limits{Empty: small}}, func(*rig, int) [][]byte {
			return [][]byte{data(1, false, "")}
		}, false, 20},
		{EmptyFrames, "padding", Config{Limits: Limits{Empty: small}}, func(*rig, int) [][]byte {
			return [][]byte{raw(typeData, flagPadded, 1, "\x01\x00")}
		}, false, 20},
		{EmptyFrames, "unknown frames", Config{Limits: Limits{Empty: small}}, func(*rig, int) [][]byte {
			return [][]byte{raw(0x33, 0, 0, "")}
		}, false, 20},
		{WindowFlood, "WINDOW_UPDATE", Config{Limits: Limits{Windows: small}}, func(*rig, int) [][]byte {
			return [][]byte{window(0, 1)}
		}, false, 20},
		{PriorityFlood, "PRIORITY", Config{Limits: Limits{Priorities: small}}, func(*rig, int) [][]byte {
			return [][]byte{raw(typePriority, 0, 9, "\x00\x00\x00\x01\x01")}
		}, false, 20},
		{PriorityFlood, "PRIORITY_UPDATE", Config{Limits: Limits{Priorities: small}}, func(*rig, int) [][]byte {
			return [][]byte{raw(typePriorityUpdate, 0, 0, "\x00\x00\x00\x01u=1")}
		}, false, 20},
		{SlowRead, "pings whose answers are not read", Config{Limits: Limits{Replies: 10 * 17, Pings: Bound{1000, 1}}}, func(*rig, int) [][]byte {
			return [][]byte{appendPing(nil, 0, 1)}
		}, true, 10},
		{SlowRead, "settings whose answers are not read", Config{Limits: Limits{Replies: 10 * 9, Settings: Bound{1000, 1}}}, func(*rig, int) [][]byte {
			return [][]byte{settings()}
		}, true, 10},
		{SlowRead, "errors that are not read", Config{Limits: Limits{Replies: 10 * 13, Provoked: Bound{1000, 1}}}, func(r *rig, i int) [][]byte {
			return [][]byte{r.post(uint32(2*i+1), "A", "")}
		}, true, 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.cfg.Server = true
			r := newRig(t, tc.cfg)
			r.recorder.release = true
			first := [][]byte(nil)
			if strings.HasSuffix(tc.name, "closed") {
				first = [][]byte{r.post(1, "connection", "x")}
			} else if strings.Contains(tc.name, "empty") || strings.Contains(tc.name, "padding") || strings.Contains(tc.name, "limit") {
				first = [][]byte{r.post(1)}
			}
			r.feed(first...)
			r.sent()
			for i := range tc.times {
				r.feed(tc.frames(r, i)...)
				if r.c.Err() != nil {
					t.Fatalf("%v after %d times", r.c.Err(), i+1)
				}
				if !tc.keep {
					r.sent()
				}
			}
			r.feed(tc.frames(r, tc.times)...)
			r.fails(EnhanceYourCalm, tc.kind)
		})
	}
}

// TestSlowButSteady: replies to a peer that reads little by little, and always, are no flood.
func TestSlowButSteady(t *testing.T) {
	r := newRig(t, Config{Server: true, Limits: Limits{Replies: 1000, Pings: Bound{Burst: 1 << 20}}})
	r.feed(settings(setWindow, 1<<20), window(0, 1<<20), r.get(1))
	s := r.streams[1]
	s.WriteHead(okHead, false)
	s.WriteData(make([]byte, 1<<20), false)
	for range 10_000 {
		r.feed(appendPing(nil, 0, 1))
		r.c.Flushed(frameHeader + pingOctets)
	}
	if r.c.Err() != nil {
		t.Error(r.c.Err())
	}
}

// TestTooSlow: a peer that reads less than it asks for is given up.
func TestTooSlow(t *testing.T) {
	r := newRig(t, Config{Server: true, Limits: Limits{Replies: 1000, Pings: Bound{Burst: 1 << 20}}})
	for range 62 {
		r.feed(appendPing(nil, 0, 1))
		r.c.Flushed(1)
	}
	if r.c.Err() != nil {
		t.Fatal(r.c.Err())
	}
	r.feed(appendPing(nil, 0, 1))
	if e, ok := errors.AsType[*Error](r.c.Err()); !ok || e.Kind != SlowRead {
		t.Error(r.c.Err())
	}
}

func TestHeaderFlood(t *testing.T) {
	r := newRig(t, Config{Server: true, Limits: Limits{Continuations: 3}})
	r.feed(raw(typeHeaders, 0, 1, "a"))
	for range 4 {
		if r.c.Err() != nil {
			t.Fatal(r.c.Err())
		}
		r.feed(raw(typeContinuation, 0, 1, "a"))
	}
	r.fails(EnhanceYourCalm, HeaderFlood)

	r = newRig(t, Config{Server: true, MaxHeaderBytes: 1000})
	r.feed(raw(typeHeaders, 0, 1, strings.Repeat("a", 1000)), raw(typeContinuation, 0, 1, strings.Repeat("a", 1000)))
	if r.c.Err() != nil {
		t.Fatal(r.c.Err())
	}
	r.feed(raw(typeContinuation, 0, 1, "a"))
	r.fails(EnhanceYourCalm, HeaderFlood)

	r = newRig(t, Config{Server: true, Limits: Limits{Empty: Bound{Burst: 2}}})
	r.feed(raw(typeHeaders, 0, 1, ""), raw(typeContinuation, 0, 1, ""), raw(typeContinuation, 0, 1, ""), raw(typeContinuation, 0, 1, ""))
	r.fails(EnhanceYourCalm, EmptyFrames)
}

func TestInterimFlood(t *testing.T) {
	r := newRig(t, Config{Limits: Limits{Interim: 2}})
	r.open(true)
	for range 3 {
		if r.c.Err() != nil {
			t.Fatal(r.c.Err())
		}
		r.feed(r.headers(1, false, ":status", "103"))
	}
	r.fails(EnhanceYourCalm, EmptyFrames)
}

func TestGoAwayFlood(t *testing.T) {
	r := newRig(t, Config{Limits: Limits{Settings: Bound{Burst: 5}}})
	for range 5 { // the first is free, the settings were not
		if r.feed(appendGoAway(nil, 0, 0, "")); r.c.Err() != nil {
			t.Fatal(r.c.Err())
		}
	}
	r.feed(appendGoAway(nil, 0, 0, ""))
	r.fails(EnhanceYourCalm, SettingsFlood)
}

// TestBusyPeers: what busy peers do is no flood, however long they do it and in no time.
func TestBusyPeers(t *testing.T) {
	r := newRig(t, Config{Server: true})
	busy := &busy{}
	r.c.h = busy
	id := uint32(1)
	for i := range 10_000 {
		r.feed(r.post(id), data(id, false, "question"), appendPing(nil, 0, 1), data(id, true, ""),
			window(0, 10), appendPing(nil, 0, 2), raw(typePriority, 0, id+2, "\x00\x00\x00\x00\x01"))
		id += 2
		if i%3 == 0 {
			r.feed(r.post(id), raw(typeReset, 0, id, "\x00\x00\x00\x08"))
			id += 2
		}
		if r.c.Err() != nil {
			t.Fatal(i, r.c.Err())
		}
		r.c.Flushed(len(r.c.Out()))
	}
}

// busy answers requests at their end.
type busy struct{ ignore }

func (busy) Data(s *Stream, p []byte, end bool) {
	s.Consumed(len(p))
	if end {
		s.WriteHead(&message.Head{Status: 200}, false)
		s.WriteData([]byte("answer"), false)
		s.WriteTrailers([]message.Field{{Name: []byte("grpc-status"), Value: []byte("0")}})
		s.Release()
	}
}

func (busy) Reset(s *Stream, _ Code) { s.Release() }

func TestBucket(t *testing.T) {
	var b bucket
	bound := Bound{Burst: 3, PerSecond: 2}
	now := int64(1) << 60
	for i, want := range []bool{true, true, true, false, false} {
		if got := b.take(bound, now); got != want {
			t.Error(i, got)
		}
	}
	now += 1.5 * event // three of five are forgotten
	if !b.take(bound, now) || b.take(bound, now) {
		t.Error("after a while")
	}
	b.give(2)
	if !b.take(bound, now) || !b.take(bound, now+3600*24*event) {
		t.Error("given")
	}
	if b.take(bound, 0); b.at != 0 { // a clock that goes back does no harm
		t.Error(b.at)
	}
	if got := fmt.Sprint(SlowRead, RapidReset, Code(99), HTTP11Required, &Error{Code: Cancel, Text: "x"}); got != "slow_read rapid_reset 99 HTTP_1_1_REQUIRED h2: CANCEL: x" {
		t.Error(got)
	}
}
