package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/banyanrun/banyan/internal/cloudevent"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// EventOptions decide how events look.
type EventOptions struct {
	Color    bool
	Location *time.Location
}

// Event is an event as one line: when it was published, its sequence, type,
// subject and data.
func Event(e *banyanv1.StoredEvent, o EventOptions) string {
	at := e.GetTime().AsTime().In(o.Location).Format("2006-01-02 15:04:05.000")
	attributes := e.GetEvent().GetAttributes()
	parts := []string{Dim.Paint(at, o.Color), Clean(e.GetSequence()), Bold.Paint(Clean(attributes[cloudevent.Type]), o.Color)}
	if subject := attributes[cloudevent.Subject]; subject != "" {
		parts = append(parts, Clean(subject))
	}
	if data := dataText(e.GetEvent()); data != "" {
		parts = append(parts, data)
	}
	return strings.Join(parts, "  ")
}

// dataText is an event's data on one line.
func dataText(e *banyanv1.Event) string {
	data := e.GetData()
	var b bytes.Buffer
	switch {
	case json.Compact(&b, data) == nil:
		return Clean(b.String())
	case utf8.Valid(data):
		return Clean(strings.ReplaceAll(strings.TrimSpace(string(data)), "\n", " "))
	}
	return fmt.Sprintf("(%d bytes)", len(data))
}

// EventJSON is an event as one JSON object on a line, in which the event itself
// has the form of CloudEvents' structured mode.
func EventJSON(e *banyanv1.StoredEvent) string {
	return objectJSON(struct {
		Sequence  string          `json:"sequence"`
		Published string          `json:"published"`
		Event     json.RawMessage `json:"event"`
	}{e.GetSequence(), stamp(e.GetTime().AsTime()), structured(e.GetEvent())})
}

// firstAttributes stand before the others.
var firstAttributes = []string{
	cloudevent.ID, cloudevent.Source, cloudevent.Type, cloudevent.Subject, cloudevent.Time, cloudevent.DataContentType, cloudevent.DataSchema,
}

func structured(from *banyanv1.Event) []byte {
	attributes := from.GetAttributes()
	e := cloudevent.Event{Data: from.GetData()}
	for _, name := range append(slices.Clone(firstAttributes), slices.Sorted(maps.Keys(attributes))...) {
		if value, ok := attributes[name]; ok {
			e.Default(name, value)
		}
	}
	return e.AppendJSON(nil)
}

// objectJSON is a value as JSON on one line.
func objectJSON(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	// Strings, numbers and JSON that is valid cannot fail.
	_ = enc.Encode(v)
	return strings.TrimSuffix(b.String(), "\n")
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// DeadOptions decide how Dead looks.
type DeadOptions struct {
	Width int
	Color bool
	Now   time.Time
}

// Dead is a table of dead letters: a row each, and the last answer below it.
func Dead(letters []*banyanv1.DeadLetter, o DeadOptions) []string {
	headings := headings("ID>", "SERVICE", "SEQUENCE>", "TYPE", "SUBJECT", "ATTEMPTS>", "LAST>", "STATUS>")
	var rows []row
	for _, d := range letters {
		attributes := d.GetEvent().GetEvent().GetAttributes()
		cells := []cell{
			{text: strconv.FormatInt(d.GetId(), 10), right: true}, {text: Clean(d.GetService())},
			{text: Clean(d.GetEvent().GetSequence()), right: true}, {text: Clean(attributes[cloudevent.Type])},
			{text: Clean(attributes[cloudevent.Subject])}, {text: strconv.Itoa(int(d.GetAttempts())), right: true},
			{text: age(d.GetLast().AsTime(), o.Now), right: true}, {text: some(int64(d.GetStatus())), right: true},
		}
		rows = append(rows, row{cells: cells}, below(d.GetError(), Yellow))
		if response := dataText(&banyanv1.Event{Data: d.GetResponse()}); response != "" {
			rows = append(rows, row{free: line{{"      " + response, Dim}}})
		}
	}
	return table(headings, rows, o.Width, o.Color)
}

// DeadJSON is a dead letter as one JSON object on a line.
func DeadJSON(d *banyanv1.DeadLetter) string {
	return objectJSON(struct {
		ID       int64           `json:"id"`
		Service  string          `json:"service"`
		Attempts int32           `json:"attempts"`
		First    string          `json:"first"`
		Last     string          `json:"last"`
		Status   int32           `json:"status,omitempty"`
		Error    string          `json:"error"`
		Response string          `json:"response,omitempty"`
		Sequence string          `json:"sequence"`
		Event    json.RawMessage `json:"event"`
	}{
		d.GetId(), d.GetService(), d.GetAttempts(), stamp(d.GetFirst().AsTime()), stamp(d.GetLast().AsTime()), d.GetStatus(),
		d.GetError(), string(d.GetResponse()), d.GetEvent().GetSequence(), structured(d.GetEvent().GetEvent()),
	})
}
