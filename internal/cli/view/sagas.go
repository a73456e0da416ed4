package view

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// SagaOptions decide how sagas look. Times are in Now's location.
type SagaOptions struct {
	Width int
	Color bool
	Now   time.Time
}

var sagaFaces = map[banyanv1.SagaState]face{
	banyanv1.SagaState_SAGA_STATE_RUNNING:         {word: "running", style: Blue},
	banyanv1.SagaState_SAGA_STATE_COMPENSATING:    {word: "compensating", style: Yellow},
	banyanv1.SagaState_SAGA_STATE_NEEDS_ATTENTION: {word: "needs attention", style: Red},
	banyanv1.SagaState_SAGA_STATE_SUCCEEDED:       {word: "succeeded", style: Green},
	banyanv1.SagaState_SAGA_STATE_COMPENSATED:     {word: "compensated", style: Dim},
}

// Sagas is a table of sagas: a row each, and below it why it is as it is.
func Sagas(sagas []*banyanv1.Saga, o SagaOptions) []string {
	headings := headings("ID", "SAGA", "STATE", "STARTED>", "CHANGED>", "BY")
	var rows []row
	for _, s := range sagas {
		look := lookOf(sagaFaces, s.GetState())
		rows = append(rows, row{cells: []cell{
			{text: Clean(s.GetId())}, {text: Clean(s.GetName())}, {text: look.word, style: look.style},
			{text: sagaAge(s.GetCreated(), o.Now), right: true}, {text: sagaAge(s.GetUpdated(), o.Now), right: true}, {text: Clean(startedBy(s))},
		}})
		if s.GetReason() != "" {
			rows = append(rows, below(s.GetReason(), look.style))
		}
	}
	return table(headings, rows, o.Width, o.Color)
}

func startedBy(s *banyanv1.Saga) string {
	switch {
	case s.GetParent() != "":
		return "saga " + s.GetParent()
	case s.GetStartedBy() == "banyan":
		return "a person"
	}
	return s.GetStartedBy()
}

func sagaAge(at *timestamppb.Timestamp, now time.Time) string {
	if at == nil {
		return ""
	}
	return Duration(now.Sub(at.AsTime()))
}

// Saga is what `banyan saga show` prints: how a saga and its steps are, what
// happened, and what to do.
func Saga(r *banyanv1.GetSagaResponse, o SagaOptions) []string {
	s := r.GetSaga()
	out := sagaHead(s, o)
	out = append(out, "")
	out = append(out, sagaSteps(s, o)...)
	out = append(out, "")
	if n := r.GetOmitted(); n > 0 {
		out = append(out, fmt.Sprintf("%d older entries are left out", n))
	}
	out = append(out, timeline(r.GetTimeline(), o)...)
	if s.GetState() == banyanv1.SagaState_SAGA_STATE_NEEDS_ATTENTION {
		out = append(out, "",
			"When the cause is gone: `banyan saga retry "+Clean(s.GetId())+"`. Otherwise put things right by hand and `skip`",
			"the step, or undo what was done with `compensate`.")
	}
	return out
}

func sagaHead(s *banyanv1.Saga, o SagaOptions) []string {
	look := lookOf(sagaFaces, s.GetState())
	text := "  started " + sagaAge(s.GetCreated(), o.Now) + " ago"
	if by := startedBy(s); by != "" {
		text += " by " + by
	}
	running := s.GetState() == banyanv1.SagaState_SAGA_STATE_RUNNING
	if left := s.GetDeadline().AsTime().Sub(o.Now); s.GetDeadline() != nil && running && left > 0 {
		text += "; its time is up in " + Duration(left)
	}
	lines := []line{{{Clean(s.GetName()) + " " + Clean(s.GetId()) + "  ", Bold}, {look.word, look.style}, {Clean(text), Plain}}}
	if s.GetReason() != "" {
		lines = append(lines, below(s.GetReason(), look.style).free)
	}
	if input := jsonText(s.GetInput()); input != "" {
		lines = append(lines, line{{"  input  ", Dim}, {input, Plain}})
	}
	return renderLines(lines, o)
}

func renderLines(lines []line, o SagaOptions) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = l.render(o.Width, o.Color)
	}
	return out
}

var phaseStyles = map[string]Style{
	"done": Green, "undone": Dim, "skipped": Dim, "idle": Dim, "aborted": Yellow, "unknown": Yellow, "called": Blue, "pending": Blue,
	"waiting": Blue, "undoing": Yellow, "undo_pending": Yellow,
}

func sagaSteps(s *banyanv1.Saga, o SagaOptions) []string {
	headings := headings("STEP", "STATE", "ATTEMPTS>", "NEXT>", "OUTPUT")
	var rows []row
	for _, step := range s.GetSteps() {
		word, style := strings.ReplaceAll(Clean(step.GetPhase()), "_", " "), phaseStyles[step.GetPhase()]
		if step.GetNeedsAttention() {
			word, style = "needs attention", Red
		}
		next := ""
		if due := step.GetDue(); due != nil {
			next = "in " + Duration(due.AsTime().Sub(o.Now))
		}
		output := jsonText(step.GetOutput())
		if step.GetChild() != "" {
			output = strings.TrimSpace("saga " + Clean(step.GetChild()) + "  " + output)
		}
		rows = append(rows, row{cells: []cell{
			{text: Clean(step.GetName())}, {text: word, style: style}, {text: some(int64(step.GetAttempts())), right: true},
			{text: next, right: true}, {text: output},
		}})
		if step.GetError() != "" {
			rows = append(rows, below(step.GetError(), style))
		}
	}
	return table(headings, rows, o.Width, o.Color)
}

var outcomeStyles = map[string]Style{
	"done": Green, "aborted": Yellow, "attention": Red, "unknown": Yellow, "later": Yellow, "away": Yellow, "pending": Blue,
}

func timeline(entries []*banyanv1.SagaEntry, o SagaOptions) []string {
	headings := headings("WHEN", "STEP", "OP", "ATTEMPT>", "REQUEST", "STATUS>", "TOOK>", "OUTCOME", "ANSWER")
	var rows []row
	for _, e := range entries {
		took := ""
		if e.GetTook() != nil {
			took = Duration(e.GetTook().AsDuration())
		}
		body := jsonText(e.GetBody())
		if body == "null" {
			body = ""
		}
		rows = append(rows, row{cells: []cell{
			{text: e.GetTime().AsTime().In(o.Now.Location()).Format("2006-01-02 15:04:05.000"), style: Dim}, {text: Clean(e.GetStep())}, {text: Clean(e.GetOp())},
			{text: some(int64(e.GetAttempt())), right: true}, {text: Clean(e.GetRequest())}, {text: some(int64(e.GetStatus())), right: true},
			{text: took, right: true}, {text: Clean(e.GetOutcome()), style: outcomeStyles[e.GetOutcome()]}, {text: Cut(body, bodyCells)},
		}})
		if e.GetText() != "" {
			rows = append(rows, below(e.GetText(), outcomeStyles[e.GetOutcome()]))
		}
	}
	return table(headings, rows, o.Width, o.Color)
}

// bodyCells is how much of an answer a row shows.
const bodyCells = 60

// jsonText is JSON, or other text, on one line.
func jsonText(text []byte) string { return dataText(&banyanv1.Event{Data: text}) }

// SagaWord names a saga's state as people read it.
func SagaWord(s banyanv1.SagaState) string { return lookOf(sagaFaces, s).word }
