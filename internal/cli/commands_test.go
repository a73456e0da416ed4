package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/daemon/layout"
	"github.com/banyanrun/banyan/internal/fault"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

func TestDown(t *testing.T) {
	r := newRun(t, true)
	r.d.set(shop(service("order", ready, ""), service("user", ready, "")))
	r.d.onDown = func(bool) { go r.d.stop() }
	r.start("down", "--force")
	r.exits(exitOK)
	if !called[*banyanv1.DownRequest](r).GetForce() {
		t.Error("--force is lost")
	}
	r.sees(r.out, "shop is down\n")
}

func TestPS(t *testing.T) {
	r := newRun(t, true)
	r.d.set(shop(service("order", failing, "no such program"), service("user", ready, "")))
	r.start("ps")
	r.exits(exitOK)
	r.sees(r.out, "└ no such program")
}

func TestPSJSON(t *testing.T) {
	r := newRun(t, true)
	r.d.set(shop(service("order", ready, ""), service("user", ready, "")))
	r.start("ps", "--json")
	r.exits(exitOK)
	var st banyanv1.Status
	if err := protojson.Unmarshal([]byte(r.out.String()), &st); err != nil || len(st.GetServices()) != 2 {
		t.Errorf("not a status: %v\n%s", err, r)
	}
	r.sees(r.out, `  "stuck": true,`+"\n")
	r.sees(r.out, `  "goingDown": false,`+"\n")
}

func logRecords(names ...string) *banyanv1.LogsResponse {
	msg := &banyanv1.LogsResponse{}
	for i, name := range names {
		msg.Records = append(msg.Records, &banyanv1.LogRecord{
			Service: name, Instance: name + "-1", Stream: "out", Line: fmt.Sprintf("line %d", i), Time: timestamppb.Now(),
		})
	}
	return msg
}

func TestLogs(t *testing.T) {
	r := newRun(t, true)
	r.d.set(shop(service("order", ready, ""), service("user", ready, "")))
	msg := logRecords("order", "user")
	msg.Missed = 3
	r.d.logs <- msg
	r.start("logs", "order", "gateway", "--since", "10m", "-n", "7")
	r.exits(exitOK)
	req := called[*banyanv1.LogsRequest](r)
	if !slices.Equal(req.GetServices(), []string{"order", "gateway"}) || req.GetTail() != 7 ||
		time.Since(req.GetSince().AsTime()).Round(time.Minute) != 10*time.Minute {
		t.Errorf("asked for %v", req)
	}
	r.sees(r.out, "order-1 | line 0\n")
	r.sees(r.out, "user-1  | line 1\n")
	r.sees(r.err, "banyan: 3 log lines were not shown")
}

func TestLogsJSON(t *testing.T) {
	r := newRun(t, true)
	r.d.logs <- logRecords("order", "user")
	r.start("logs", "--json")
	r.exits(exitOK)
	for l := range strings.Lines(r.out.String()) {
		if !json.Valid([]byte(l)) {
			t.Errorf("not JSON: %s", l)
		}
	}
}

func TestLogsFollow(t *testing.T) {
	r := newRun(t, true)
	r.start("logs", "-f")
	called[*banyanv1.LogsRequest](r)
	r.d.logs <- logRecords("order")
	r.sees(r.out, "line 0")
	r.signals <- os.Interrupt
	r.exits(exitOK)
}

func TestLogsFollowEndsWithTheApp(t *testing.T) {
	r := newRun(t, true)
	r.start("logs", "-f")
	called[*banyanv1.LogsRequest](r)
	r.d.set(func(st *banyanv1.Status) { st.GoingDown = true })
	r.d.logs <- logRecords("order")
	r.sees(r.out, "line 0")
	r.d.stop()
	r.exits(exitOK)
}

func TestLogsOfNobody(t *testing.T) {
	r := newRun(t, true)
	r.d.set(shop(service("order", ready, ""), service("user", ready, "")))
	r.start("logs", "ordr")
	r.exits(exitFailed)
	r.sees(r.err, "banyan: there is no service ordr; services are user, order\n")
}

func TestScale(t *testing.T) {
	r := newRun(t, true)
	r.d.set(shop(service("order", building, ""), service("user", building, "")))
	r.start("scale", "order", "3")
	if req := called[*banyanv1.ScaleRequest](r); req.GetService() != "order" || req.GetReplicas() != 3 {
		t.Errorf("asked for %v", req)
	}
	r.d.set(shop(service("order", banyanv1.State_STATE_STARTING, ""), service("user", building, "")))
	r.sees(r.err, "order: starting")
	r.d.set(shop(service("order", ready, ""), service("user", building, "")))
	r.exits(exitOK)
	if text := r.err.String(); strings.Contains(text, "user: building") {
		t.Errorf("what was so before is told: %s", text)
	}
	r.sees(r.out, "order has 3 instances\n")
}

func TestRestartFails(t *testing.T) {
	r := newRun(t, true)
	r.d.set(shop(service("order", failing, "exit code 3"), service("user", ready, "")))
	r.start("restart", "order")
	r.exits(exitFailed)
	r.sees(r.err, "order: failed: exit code 3")
	r.sees(r.err, "see `banyan logs order`")
}

func TestRunRefused(t *testing.T) {
	r := newRun(t, true)
	r.start("run", "nothing")
	r.exits(exitFailed)
	r.sees(r.err, "banyan: there is no job nothing; jobs are migrate\n")
}

func TestNoApp(t *testing.T) {
	for _, args := range [][]string{{"ps"}, {"down"}, {"logs"}, {"restart", "x"}, {"scale", "x", "1"}, {"run", "x"}, {"topics"}, {"events", "tail", "x"}} {
		r := newRun(t, false)
		r.start(args...)
		r.exits(exitFailed)
		r.sees(r.err, "banyan: no app is running for "+r.dir+"; start it with `banyan up "+r.dir+"`\n")
	}
}

// TestDeadDaemon is an app whose daemon died: ps starts one that adopts.
func TestDeadDaemon(t *testing.T) {
	r := newRun(t, true)
	r.d.kill()
	second := newFakeDaemon()
	r.p.ensure = func(context.Context, layout.Layout, bool) error {
		second.set(shop(service("order", ready, ""), service("user", ready, "")))
		second.serve(t, r.l)
		return nil
	}
	r.start("ps")
	r.exits(exitOK)
	r.sees(r.out, "order")
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		{"nothing"}, {"up", "--nothing"}, {"up", "a", "b"}, {"scale", "order"}, {"scale", "order", "many"}, {"scale", "order", "-1"},
		{"logs", "--since", "yesterday"}, {"logs", "--tail", "-1"}, {"up", "-d", "--watch"},
		{"topics", "--interval", "0s"}, {"events", "tail"}, {"events", "tail", "t", "--from", "soon"}, {"events", "redrive", "t", "--id", "-1"},
		{"events", "replay", "t", "--from", "all"}, {"events", "replay", "t", "--to", "s"}, {"events", "pause", "t"},
		{"events", "replay", "t", "--to", "s", "--from", "new"}, {"events", "replay", "t", "--to", "s", "--from", "1", "--until", "all"},
		{"events", "publish", "t", "--data", "{"}, {"events", "publish", "t", "--delay", "-1s"}, {"up", "missing"}, {"secret", "set", "../x"},
	} {
		r := newRun(t, true)
		r.start(args...)
		r.exits(exitUsage)
		if lines := strings.Count(r.err.String(), "\n"); !strings.HasPrefix(r.err.String(), "banyan: ") || lines != 1 {
			t.Errorf("%v says %q", args, r.err)
		}
	}
}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		err  error
		text string
		code int
	}{
		{usageError{errors.New("unknown flag: --x"), "banyan up"}, "unknown flag: --x; see `banyan up --help`", exitUsage},
		{fault.New(fault.Invalid, "it is wrong").Fix("mend it"), "it is wrong; mend it", exitUsage},
		{fmt.Errorf("wrapped: %w", fault.New(fault.Conflict, "taken").At("port 80")), "port 80: taken", exitFailed},
		{appfile.Problems{{File: "b.yaml", Line: 1, Column: 2, Message: "odd"}}, "b.yaml:1:2: odd", exitUsage},
		{connect.NewError(connect.CodeUnavailable, errText("dial")), "the daemon does not answer; try again, or see daemon.log in the state directory", exitFailed},
		{connect.NewError(connect.CodeInternal, errText("a defect")), "a defect", exitFailed},
		{context.Canceled, "interrupted", exitInterrupted},
		{connect.NewError(connect.CodeCanceled, context.Canceled), "interrupted", exitInterrupted},
		{connect.NewError(connect.CodeCanceled, errText("reset")), "the daemon ended before it had answered; try again", exitFailed},
		{&fs.PathError{Op: "open", Path: "/x", Err: fs.ErrPermission}, "/x: permission denied", exitFailed},
		{errors.New("odd"), "odd", exitFailed},
	} {
		if text, code := explain(c.err); text != c.text || code != c.code {
			t.Errorf("explain(%v) = %q, %d; want %q, %d", c.err, text, code, c.text, c.code)
		}
	}
}

func TestVariables(t *testing.T) {
	file := &appfile.File{EnvRefs: []string{"MINE"}, App: &appfile.App{
		Secrets: map[string]*appfile.Secret{"key": {Environment: "BANK_KEY"}, "other": nil},
	}}
	got := variables([]string{"PATH=a", "LC_ALL=C", "MAVEN_OPTS=-X", "MINE=1", "BANK_KEY=2", "AWS_SECRET=3", "TERM=x", "XDG_SESSION_ID=4", "odd"}, file)
	want := map[string]string{"PATH": "a", "LC_ALL": "C", "MAVEN_OPTS": "-X", "MINE": "1", "BANK_KEY": "2"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("variables = %v, want %v", got, want)
	}
}

func TestCompletion(t *testing.T) {
	for _, serving := range []bool{true, false} {
		r := newRun(t, serving)
		if serving {
			r.d.set(shop(service("order", ready, ""), service("user", ready, "")))
		}
		r.start("__complete", "restart", "")
		r.exits(exitOK)
		r.sees(r.out, "order\n")
		r.sees(r.out, "user\n")
	}
}

func TestSecretPrompt(t *testing.T) {
	r := newRun(t, false)
	r.p.password = func() ([]byte, error) { return []byte("s3cret"), nil }
	r.start("secret", "set", "bank-key")
	r.exits(exitOK)
	data, err := os.ReadFile(r.l.Secrets + "/bank-key")
	if err != nil || string(data) != "s3cret" {
		t.Errorf("stored %q, %v", data, err)
	}
	if strings.Contains(r.String(), "s3cret") {
		t.Errorf("the value was shown\n%s", r)
	}
}
