package message

import (
	"strings"
	"testing"
)

func TestIdentify(t *testing.T) {
	for id := Accept; id < lastID; id++ {
		for _, s := range []string{id.String(), strings.ToLower(id.String()), strings.ToUpper(id.String())} {
			if got := Identify([]byte(s)); got != id {
				t.Errorf("%s is %v, want %v", s, got, id)
			}
		}
		if got := Identify([]byte(id.String() + "x")); got != Other {
			t.Errorf("%sx is %v", id, got)
		}
	}
	for _, s := range []string{"", "x", "X-Other", "@ost", strings.Repeat("a", 300)} {
		if got := Identify([]byte(s)); got != Other {
			t.Errorf("%q is %v", s, got)
		}
	}
}

func TestHead(t *testing.T) {
	var h Head
	h.AddNamed([]byte("x-request-id"), []byte("1"))
	h.Add(Via, []byte("a"))
	h.Add(Via, []byte("b"))
	h.Set(Via, []byte("c"))
	h.SetInt(Age, 12)
	if got := h.Header(); len(got) != 3 || got.Get("Via") != "c" || got.Get("Age") != "12" || got.Get("X-Request-Id") != "1" {
		t.Errorf("header %v", got)
	}
	var c Head
	h.Method, h.Path = h.TakeString("GET"), h.Take([]byte("/a"))
	h.CopyTo(&c)
	h.Reset()
	h.TakeString("overwrites what was there before")
	if string(c.Method) != "GET" || string(c.Path) != "/a" || string(c.Get(Age)) != "12" {
		t.Errorf("the copy changed: %s %s %s", c.Method, c.Path, c.Get(Age))
	}
	c.RemoveNamed("aGE")
	if c.Has(Age) {
		t.Error("still there")
	}
}

func TestMayTrail(t *testing.T) {
	for name, want := range map[string]bool{
		"X-Sum": true, "grpc-status": true, "ETag": true, "server-timing": true,
		"Content-Length": false, "Host": false, "Set-Cookie": false, "authorization": false, "If-Match": false, "content-encoding": false,
		"x_forwarded_for": false, "X-Forwarded-Anything": false, "Banyan-Error": false, "banyan-new": false, "X-Request-Id": false,
		"X-Real-IP": false, "Forwarded": false, "Traceparent": false,
	} {
		if got := MayTrail(Identify([]byte(name)), []byte(name)); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func BenchmarkIdentify(b *testing.B) {
	list := [][]byte{[]byte("user-agent"), []byte("Content-Type"), []byte("x-custom-thing"), []byte("traceparent")}
	for b.Loop() {
		for _, n := range list {
			Identify(n)
		}
	}
}
