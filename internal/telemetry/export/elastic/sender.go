package elastic

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/banyanrun/banyan/internal/telemetry/export"
	"github.com/banyanrun/banyan/internal/telemetry/export/post"
)

// answerMost bounds what of an answer is read: some 200 bytes a document are usual.
const answerMost = 16 << 20

// Options say how to send.
type Options struct {
	post.Options

	// Index is where documents are created; {signal} in it stands for theirs.
	Index string
	// APIKey is an encoded API key; User and Password are in its place. References to
	// secrets may be in them.
	APIKey, User, Password string
}

// Sender sends by the bulk interface.
type Sender struct {
	client *post.Client
	index  string
}

var _ export.Sender = (*Sender)(nil)

// New returns a sender.
func New(o Options) *Sender {
	expand := o.Expand
	if expand == nil {
		expand = func(text string) (string, error) { return text, nil }
	}
	switch {
	case o.APIKey != "":
		o.Headers = map[string]string{"Authorization": "ApiKey " + o.APIKey}
	case o.User != "":
		o.Headers = map[string]string{"Authorization": basic}
		o.Expand = func(text string) (string, error) {
			if text != basic {
				return expand(text)
			}
			user, err := expand(o.User)
			if err != nil {
				return "", err
			}
			password, err := expand(o.Password)
			return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)), err
		}
	}
	return &Sender{client: post.New(o.Options), index: o.Index}
}

// basic stands for the header of a user and a password.
const basic = "${basic}"

// Close implements export.Sender.
func (s *Sender) Close() { s.client.Close() }

// Send implements export.Sender.
func (s *Sender) Send(ctx context.Context, b *export.Batch) (export.Answer, error) {
	body, rows, refused := bulk(b)
	a := export.Answer{Refused: refused}
	if len(rows) == 0 {
		return a, nil
	}
	q, err := s.client.Prepare()
	if err != nil {
		return export.Answer{}, err
	}
	path := "/" + strings.ReplaceAll(s.index, "{signal}", string(b.Signal)) + "/_bulk"
	r, err := s.client.Post(ctx, q, path, "application/x-ndjson", body, answerMost)
	if err != nil {
		return export.Answer{}, err
	}
	a.Bytes = r.Sent
	if f := q.Failure(r, reason(r.Body), func(status int) bool { return status >= http.StatusInternalServerError }); f != nil {
		return export.Answer{Bytes: r.Sent}, f
	}
	if err := read(&a, q, r.Body, rows); err != nil {
		return export.Answer{Bytes: r.Sent}, err
	}
	return a, nil
}

// bulk writes a batch as a bulk request has it, and says of which of its records. Those
// that have no place in a document are refused.
func bulk(b *export.Batch) (body []byte, rows []int, refused map[string]int) {
	var out bytes.Buffer
	lines := json.NewEncoder(&out)
	lines.SetEscapeHTML(false)
	add := func(i int, id string, doc any) {
		before := out.Len()
		err := lines.Encode(action{create{id}})
		if err == nil {
			err = lines.Encode(doc)
		}
		if err != nil {
			out.Truncate(before)
			refused = map[string]int{"numbers that JSON does not have": refused["numbers that JSON does not have"] + 1}
			return
		}
		rows = append(rows, i)
	}
	for i := range b.Spans {
		add(i, b.IDs[i], spanOf(&b.Spans[i]))
	}
	for i := range b.Logs {
		add(i, b.IDs[i], logOf(&b.Logs[i]))
	}
	for i := range b.Points {
		if !b.Points[i].Ended { // the end of a series is no document
			add(i, "", pointOf(&b.Points[i]))
		}
	}
	return out.Bytes(), rows, refused
}

// action is the line before a document.
type action struct {
	Create create `json:"create"`
}

type create struct {
	ID string `json:"_id,omitempty"`
}

// answer is that to a bulk request.
type answer struct {
	Errors *bool             `json:"errors"`
	Items  []map[string]item `json:"items"`
}

type item struct {
	Status int    `json:"status"`
	Error  *cause `json:"error"`
}

type cause struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
}

// reason is what an answer that is no success says.
func reason(body []byte) string {
	var failed struct {
		Error json.RawMessage `json:"error"`
	}
	var c cause
	if json.Unmarshal(body, &failed) == nil && json.Unmarshal(failed.Error, &c) == nil && c.Type != "" {
		return c.Type + ": " + c.Reason
	}
	return string(body)
}

// read reads what became of each document.
func read(a *export.Answer, q *post.Request, body []byte, rows []int) error {
	var said answer
	if err := json.Unmarshal(body, &said); err != nil || said.Errors == nil {
		return &export.Failure{Kind: export.Barred, Err: errors.New("what answers there has no bulk interface: " + q.Said(http.StatusOK, string(body)).Error())}
	}
	if !*said.Errors {
		return nil
	}
	if len(said.Items) != len(rows) {
		return &export.Failure{Kind: export.Barred, Err: fmt.Errorf("its answer is of %d documents, and %d were sent", len(said.Items), len(rows))}
	}
	for i := range said.Items {
		one := said.Items[i]["create"]
		why := q.Said(one.Status, "")
		if one.Error != nil {
			why = q.Said(one.Status, one.Error.Type+": "+one.Error.Reason)
		}
		switch s := one.Status; {
		case s >= 200 && s < 300, s == http.StatusConflict: // it is there already
		case s == http.StatusTooManyRequests, s >= http.StatusInternalServerError:
			a.Again = append(a.Again, rows[i])
		case s == http.StatusUnauthorized, s == http.StatusForbidden, s == http.StatusNotFound:
			// It is the index or the credentials, which all documents have in common.
			return &export.Failure{Kind: export.Barred, Err: why}
		default:
			if a.Refused == nil {
				a.Refused = map[string]int{}
			}
			name := "refused by the target"
			if one.Error != nil {
				name += ": " + one.Error.Type
			}
			a.Refused[name]++
			a.Why = why
		}
	}
	return nil
}
