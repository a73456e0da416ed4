package view

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/banyanrun/banyan/internal/cloudevent"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// Delayed is a table of events that are published later.
func Delayed(events []*banyanv1.DelayedEvent, o DeadOptions) []string {
	if len(events) == 0 {
		return nil
	}
	headings := headings("ID>", "DUE>", "TYPE", "SUBJECT", "DATA")
	var rows []row
	for _, e := range events {
		attributes, due := e.GetEvent().GetAttributes(), "overdue"
		if at := e.GetDue().AsTime(); at.After(o.Now) {
			due = "in " + age(o.Now, at)
		}
		rows = append(rows, row{cells: []cell{
			{text: strconv.FormatInt(e.GetId(), 10), right: true}, {text: due, right: true}, {text: Clean(attributes[cloudevent.Type])},
			{text: Clean(attributes[cloudevent.Subject])}, {text: dataText(e.GetEvent())},
		}})
	}
	return table(headings, rows, o.Width, o.Color)
}

// DelayedJSON is a delayed event as one JSON object on a line.
func DelayedJSON(e *banyanv1.DelayedEvent) string {
	return objectJSON(struct {
		ID    int64           `json:"id"`
		Due   string          `json:"due"`
		Event json.RawMessage `json:"event"`
	}{e.GetId(), stamp(e.GetDue().AsTime()), structured(e.GetEvent())})
}

// Repair says what a topic lacks, or, if that is done, what was given up.
func Repair(topic string, r *banyanv1.RepairTopicResponse, done bool) []string {
	verb, n := "are lost", r.GetEvents()
	if done {
		verb = "were given up"
	}
	var lines []string
	switch {
	case n > 0 && r.GetFirst() == r.GetLast():
		lines = append(lines, fmt.Sprintf("1 event of topic %s, sequence %s: %s", topic, r.GetFirst(), map[bool]string{false: "it is lost", true: "it was given up"}[done]))
	case n > 0:
		lines = append(lines, fmt.Sprintf("%d events of topic %s, sequences %s to %s, %s", n, topic, r.GetFirst(), r.GetLast(), verb))
	case done:
		lines = append(lines, fmt.Sprintf("topic %s is mended; no event was given up", topic))
	case r.GetWhere() != "":
		lines = append(lines, fmt.Sprintf("topic %s lacks no event; what is damaged helps to find duplicates, or was never acknowledged", topic))
	default:
		lines = append(lines, fmt.Sprintf("nothing of topic %s that is on the disk is damaged now", topic))
	}
	if where := r.GetWhere(); where != "" {
		lines = append(lines, "  at "+where)
	}
	for _, service := range slices.Sorted(maps.Keys(r.GetMissed())) {
		lines = append(lines, fmt.Sprintf("  service %s had not had %d of them", service, r.GetMissed()[service]))
	}
	if moved := r.GetMoved(); moved != "" {
		lines = append(lines, "  what was stored lies in "+moved)
	}
	if !done {
		lines = append(lines, "to go on without: banyan events repair "+topic+" --skip "+strconv.FormatUint(n, 10))
	}
	return lines
}
