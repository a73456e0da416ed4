package machine_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/saga/machine"
)

const tells = `{"timeout": "1h", "steps": [
	{"name": "begin", "call": {"service": "order", "path": "/begin"}, "undo": {"path": "/fail/{error.kind}", "body": "error"}},
	{"name": "charge", "call": {"service": "payment", "path": "/charges"}, "undo": {"path": "/refund"}, "retry": {"for": "10s"}}
]}`

// told answers the undos that come, and gives the body of that of begin.
func (g *saga) told() (body struct {
	Step, Kind, Message string
	Status              int
	Body                map[string]any
}) {
	g.t.Helper()
	for {
		call, ok := g.effects[0].(machine.Call)
		if !ok || call.Op != machine.Undo {
			g.t.Fatalf("the effects are %v", g.effects)
		}
		g.answer(call.Step, done(``))
		if call.Step != "begin" {
			continue
		}
		g.is(machine.Compensated)
		if err := json.Unmarshal(call.Request.Body, &body); err != nil || call.Request.Path != "/fail/"+body.Kind {
			g.t.Fatalf("%v: %+v", err, call.Request)
		}
		return body
	}
}

func TestUndosLearnWhatFailed(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		g := begin(t, define(t, tells), "")
		g.answer("begin", done(``))
		g.answer("charge", machine.Outcome{Kind: machine.OutcomeAborted, Status: 409, Body: json.RawMessage(`{"code": "declined"}`)})
		if e := g.told(); e.Step != "charge" || e.Kind != "aborted" || e.Status != 409 || e.Body["code"] != "declined" {
			t.Fatalf("told %+v", e)
		}
	})
	t.Run("a long answer is left out", func(t *testing.T) {
		g := begin(t, define(t, tells), "")
		g.answer("begin", done(``))
		g.answer("charge", machine.Outcome{Kind: machine.OutcomeAborted, Status: 409, Body: json.RawMessage(`{"x": "` + strings.Repeat("y", 17<<10) + `"}`)})
		if e := g.told(); e.Kind != "aborted" || e.Body != nil {
			t.Fatalf("told %+v", e)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		g := begin(t, define(t, tells), "")
		g.answer("begin", done(``))
		g.tell(machine.Cancel{Reason: "a customer's wish"})
		g.answer("charge", done(``))
		if e := g.told(); e.Step != "" || e.Kind != "cancelled" || e.Message != "a customer's wish" {
			t.Fatalf("told %+v", e)
		}
	})
}

// A service that is not there is waited for as long as an outcome that is unknown;
// then the step had no effect, and is not undone, unless it was there before. One
// that is busy is waited for as long as the saga may take.
func TestServicesThatAreAway(t *testing.T) {
	away := machine.Outcome{Kind: machine.OutcomeAway, Status: 503, Error: "no instance"}
	for name, test := range map[string]struct {
		outcomes []machine.Outcome
		kind     string
		undone   bool
	}{
		"away":               {[]machine.Outcome{away}, "away", false},
		"unknown":            {[]machine.Outcome{unknown}, "unknown", true},
		"away after unknown": {[]machine.Outcome{unknown, away}, "unknown", true},
		"away after busy":    {[]machine.Outcome{later, away}, "away", true},
		"away after unsent":  {[]machine.Outcome{{Kind: machine.OutcomeLater, Unsent: true}, away}, "away", false},
		"busy":               {[]machine.Outcome{later}, "timeout", true},
	} {
		t.Run(name, func(t *testing.T) {
			g := begin(t, define(t, tells), "")
			g.answer("begin", done(``))
			for n := 0; g.state.Status == machine.Running; n++ {
				if g.step("charge").Busy {
					g.answer("charge", test.outcomes[min(n, len(test.outcomes)-1)])
				} else {
					g.pass()
				}
			}
			undone := brief(g.effects[0]) == "charge/undo"
			if took := g.now.Sub(start).Seconds(); undone != test.undone || (took >= 3600) != (test.kind == "timeout") || took < 10 {
				t.Fatalf("after %v s: charge is undone: %t", took, undone)
			}
			if e := g.told(); e.Kind != test.kind {
				t.Fatalf("told %+v", e)
			}
		})
	}
}

// The reason says what the service said, where that is for people.
func TestTheReasonQuotesTheAnswer(t *testing.T) {
	const prefix = "the step charge was refused"
	long := strings.Repeat("é", 300)
	for body, want := range map[string]string{
		`{"message": "no money", "error": "Conflict"}`:                      prefix + ": no money",
		`{"title": "Declined", "detail": "The bank said no.", "status": 1}`: prefix + ": The bank said no.",
		`{"error": {"code": 7, "message": "no money"}}`:                     prefix + ": no money",
		`{"error": "no money"}`:                                             prefix + ": no money",
		`{"title": "Declined"}`:                                             prefix + ": Declined",
		`{"code": "declined", "message": 7}`:                                prefix + ": declined",
		`"no\n  money\n"`:                                                   prefix + ": no money",
		`"` + long + `"`:                                                    prefix + ": " + long[:400] + "…",
		`{"message": "` + strings.Repeat("x", 20_000) + `"}`:                prefix,
		`"<!DOCTYPE html><p>no money"`:                                      prefix,
		`{"why": "no money"}`:                                               prefix,
		`[1]`:                                                               prefix,
		`null`:                                                              prefix,
		``:                                                                  prefix,
	} {
		g := begin(t, define(t, tells), "")
		g.answer("begin", done(``))
		g.answer("charge", machine.Outcome{Kind: machine.OutcomeAborted, Status: 409, Body: json.RawMessage(body)})
		if g.state.Reason != want {
			t.Errorf("%.80s: the reason is %q", body, g.state.Reason)
		}
	}
	g := begin(t, define(t, tells), "")
	g.answer("begin", machine.Outcome{Kind: machine.OutcomeAttention, Status: 422, Error: "the answer was 422", Body: json.RawMessage(`{"detail": "no such order"}`)})
	if want := "the step begin: the answer was 422: no such order"; g.state.Trouble() != want {
		t.Errorf("the trouble is %q", g.state.Trouble())
	}
}
