package audit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/banyanrun/banyan/internal/dash/audit"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

func open(t *testing.T, path string) *audit.Log {
	t.Helper()
	l, err := audit.Open(path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // it may be closed already
	return l
}

func list(t *testing.T, l *audit.Log, limit int, before int64) ([]audit.Action, bool) {
	t.Helper()
	all, more, err := l.List(limit, before)
	if err != nil {
		t.Fatal(err)
	}
	return all, more
}

func TestActionIsThereBeforeItsResult(t *testing.T) {
	path := filepath.Join(t.TempDir(), "actions.log")
	l := open(t, path)
	end, err := l.Begin(audit.Action{Who: "ann", Procedure: "ControlService/Down"})
	if err != nil {
		t.Fatal(err)
	}
	if all, _ := list(t, l, 10, 0); len(all) != 1 || all[0].Result != "" || all[0].Who != "ann" {
		t.Fatalf("%+v", all)
	}
	if err := errors.Join(l.Add(audit.Action{Who: "bob", Procedure: "sign in", Result: "ok"}), end("ok")); err != nil {
		t.Fatal(err)
	}
	all, more := list(t, l, 1, 0)
	if len(all) != 1 || !more || all[0].Who != "bob" {
		t.Fatalf("%+v, %v", all, more)
	}
	all, more = list(t, l, 10, all[0].N)
	if len(all) != 1 || more || all[0].Result != "ok" || all[0].N != 1 {
		t.Fatalf("%+v, %v", all, more)
	}
}

func TestTornLineIsPassedOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "actions.log")
	l := open(t, path)
	if err := errors.Join(l.Add(audit.Action{Who: "a"}), l.Close()); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(`{"n":2,"who":"b`)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	l = open(t, path)
	if err := l.Add(audit.Action{Who: "c"}); err != nil {
		t.Fatal(err)
	}
	if all, _ := list(t, l, 10, 0); len(all) != 2 || all[0].Who != "c" || all[1].Who != "a" || all[0].N != 2 {
		t.Errorf("%+v", all)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestLogIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "actions.log")
	l := open(t, path)
	for range 5_000 {
		if err := l.Add(audit.Action{Who: "a", What: strings.Repeat("é", 2000)}); err != nil {
			t.Fatal(err)
		}
	}
	size := int64(0)
	for _, name := range []string{path, path + ".1"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > 5<<20 {
		t.Errorf("%d bytes", size)
	}
	if all, more := list(t, l, 1000, 0); len(all) != 1000 || !more || all[0].N != 5_000 {
		t.Errorf("%d, %v", len(all), more)
	}
}

func TestRecorder(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "actions.log"))
	recorder := audit.Recorder(l, func(string) bool { return true }, slog.New(slog.DiscardHandler))
	call := func(ctx context.Context, message any, err error) audit.Action {
		t.Helper()
		next := recorder.WrapUnary(func(context.Context, connect.AnyRequest) (connect.AnyResponse, error) { return nil, err })
		var failed error
		switch m := message.(type) {
		case *banyanv1.ScaleRequest:
			_, failed = next(ctx, connect.NewRequest(m))
		case *banyanv1.ApplyRequest:
			_, failed = next(ctx, connect.NewRequest(m))
		case *banyanv1.PublishEventsRequest:
			_, failed = next(ctx, connect.NewRequest(m))
		}
		if !errors.Is(failed, err) {
			t.Errorf("%v", failed)
		}
		all, _ := list(t, l, 1, 0)
		return all[0]
	}
	a := call(t.Context(), &banyanv1.ScaleRequest{Service: "order", Replicas: 3}, nil)
	if a.Who != "cli" || a.What != "order to 3" || a.Result != "ok" {
		t.Errorf("%+v", a)
	}
	ctx := audit.With(t.Context(), audit.Actor{Who: "ann", Role: "operator", From: "::1"})
	a = call(ctx, &banyanv1.ScaleRequest{Service: "order"}, connect.NewError(connect.CodeNotFound, errors.New("there is no service order")))
	if a.Who != "ann" || a.Role != "operator" || a.From != "::1" || a.Result != "not_found: there is no service order" {
		t.Errorf("%+v", a)
	}
	a = call(ctx, &banyanv1.ApplyRequest{Path: "/app/banyan.yaml", Variables: map[string]string{"PASSWORD": "hunter2"}}, nil)
	b := call(ctx, &banyanv1.PublishEventsRequest{Topic: "t", Events: []*banyanv1.Event{{Data: []byte("hunter2")}}}, nil)
	if text := fmt.Sprint(a, b); strings.Contains(text, "hunter2") || a.What != "/app/banyan.yaml" || b.What != "t: 1 events" {
		t.Error(text)
	}
}

// What a loss of power leaves of a file is no reason not to begin.
func TestGarbageIsPassedOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "actions.log")
	l := open(t, path)
	if err := errors.Join(l.Add(audit.Action{Who: "ann", Procedure: "sign in"}), l.Close()); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(make([]byte, 300<<10))
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	l = open(t, path)
	if err := l.Add(audit.Action{Who: "bob", Procedure: "sign in"}); err != nil {
		t.Fatal(err)
	}
	if all, _ := list(t, l, 10, 0); len(all) != 2 || all[0].Who != "bob" || all[1].Who != "ann" {
		t.Errorf("%+v", all)
	}
}

// What somebody writes into a record does not hide what others did from who reads it
// on a terminal.
func TestTextsAreForReading(t *testing.T) {
	l, err := audit.Open(filepath.Join(t.TempDir(), "actions.log"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // it is read
	if err := l.Add(audit.Action{Who: "ann\x1b]0;x\a", What: "reason=\x1b[1A\x1b[2K\r\nfine \u202e 주문", Result: "ok\x9b2J"}); err != nil {
		t.Fatal(err)
	}
	all, _, err := l.List(1, 0)
	if err != nil || all[0].Who != "ann ]0;x " || all[0].What != "reason= [1A [2K  fine   주문" || strings.ContainsAny(all[0].Result, "\x1b\u009b") {
		t.Errorf("%q %q %q, %v", all[0].Who, all[0].What, all[0].Result, err)
	}
}
