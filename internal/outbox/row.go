package outbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/cloudevent"
)

// row is one of the table outbox. Columns that are NULL are empty here.
type row struct {
	n                int64
	id, topic        string
	kind, subject    *string
	data, attributes []byte
	size             int64     // of data in bytes; data is nil where this is above dataMost
	created          time.Time // zero: not known
}

// refusal is a row that can never be published.
type refusal struct {
	row
	reason string
}

const jsonType = "application/json"

// event turns the row into an event of the service. The error says why it can never be one.
func (r *row) event(service string) (cloudevent.Event, error) {
	if r.size > dataMost {
		return cloudevent.Event{}, fmt.Errorf("data has %d bytes; no topic takes more than %d", r.size, dataMost)
	}
	e := cloudevent.Event{Data: r.data}
	e.Set(cloudevent.ID, r.id)
	e.Set(cloudevent.Source, "/services/"+service+"/outbox")
	if r.kind != nil {
		e.Set(cloudevent.Type, *r.kind)
	} else {
		e.Set(cloudevent.Type, r.topic)
	}
	if r.subject != nil {
		e.Set(cloudevent.Subject, *r.subject)
	}
	if err := addAttributes(&e, r.attributes); err != nil {
		return cloudevent.Event{}, err
	}
	if !r.created.IsZero() {
		e.Default(cloudevent.Time, r.created.UTC().Format(time.RFC3339Nano))
	}
	if len(e.Data) > 0 {
		e.Default(cloudevent.DataContentType, jsonType)
	}
	if err := e.Check(); err != nil {
		return cloudevent.Event{}, err
	}
	if kind, _ := e.Get(cloudevent.DataContentType); kind == jsonType && !json.Valid(e.Data) {
		return cloudevent.Event{}, errors.New("data is not JSON; name its media type as datacontenttype in the column attributes")
	}
	return e, nil
}

// addAttributes adds the members of the column attributes, an object of strings,
// numbers and booleans, in the order of their names.
func addAttributes(e *cloudevent.Event, text []byte) error {
	if len(text) == 0 {
		return nil
	}
	var members map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // 1e21 and 12345678901 stay as they are written
	if err := decoder.Decode(&members); err != nil || decoder.More() {
		return errors.New("the column attributes is not a JSON object")
	}
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch name {
		case cloudevent.ID, cloudevent.Source, cloudevent.Type, cloudevent.Subject:
			return fmt.Errorf("the column attributes has %q, which comes from the row itself", name)
		}
		switch value := members[name].(type) {
		case nil: // an attribute that is not there
		case string, bool, json.Number:
			e.Set(name, fmt.Sprint(value))
		default:
			return fmt.Errorf("the column attributes has %q, which is neither a string nor a number nor a boolean", name)
		}
	}
	return nil
}
