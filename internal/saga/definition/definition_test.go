package definition_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/saga/definition"
)

const app = `services:
  stock: {command: ./stock, publishes: [paid]}
topics:
  paid: {schema: paid.json}
sagas:
  wrap:
    input: gift.json
    steps:
      - {name: ribbon, call: {service: stock, path: /ribbon, body: "input.color"}, pivot: true}
  checkout:
    input: order.json
    steps:
`

var files = map[string]string{
	"paid.json":  `{"type": "object", "properties": {"order": {"type": "string"}, "amount": {"type": "integer"}}}`,
	"gift.json":  `{"type": "object", "properties": {"color": {"type": "string"}}}`,
	"order.json": `{"type": "object", "properties": {"order": {"type": "string"}, "amount": {"type": "integer"}, "gift": {"type": "boolean"}}, "required": ["order"]}`,
	"bad.json":   `{"type": "objekt"}`,
	"text.json":  `{`,
	"far.json":   `{"$ref": "https://example.com/schema.json"}`,
	"res.json":   `{"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}`,
}

// load loads an app file with the given steps of checkout.
func load(t *testing.T, text string) (*appfile.File, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "banyan.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return appfile.Load(appfile.Options{Path: path, Check: definition.Check})
}

func TestMistakesHaveAPlace(t *testing.T) {
	const first = `      - {name: a, call: {service: stock, path: /a}, undo: none, schema: res.json}` + "\n"
	for _, tc := range []struct{ steps, want string }{
		{`{name: b, call: {service: stock, path: /b, body: "{'x': input.ordr}"}, undo: none}`, "14:70: input has no property ordr; did you mean order?"},
		{`{name: b, call: {service: stock, path: "/b/{input.ordr}"}, undo: none}`, "14:58: input has no property ordr; did you mean order?"},
		{`{name: b, call: {service: stock, path: "/b/{a.id}/{a.idd}"}, undo: none}`, "14:61: a has no property idd; did you mean id?"},
		{`{name: b, when: "input.order", call: {service: stock, path: /b}, undo: none}`, "14:26: it gives a string, and true or false is needed"},
		{`{name: b, call: {service: stock, path: "/b/{c.id}"}, undo: none}` + "\n      - {name: c, delay: 1s}", "14:53: the output of c is not known here"},
		{`{name: b, call: {service: stock, path: "/b/{b.id}"}, undo: none}`, "14:53: the output of b is not known here"},
		{`{parallel: [{name: b, delay: 1s}, {name: c, call: {service: stock, path: "/{b}"}, undo: none}]}`, "14:85: the output of b is not known here"},
		{`{name: b, call: {service: stock, path: /b, body: "response"}, undo: none}`, "14:59: there is no response here: only output has one"},
		{`{name: b, call: {service: stock, path: /b}, undo: {path: "/u/{input.ordr}"}}`, "14:76: input has no property ordr"},
		{`{name: b, call: {service: stock, path: /b}, undo: none, output: "response.bdy"}`, "14:82: response has no property bdy; did you mean body?"},
		{`{name: b, wait: {topic: paid, where: "event.data.ordr == input.order", deadline: 1m}}`, "14:57: event.data has no property ordr; did you mean order?"},
		{`{name: b, wait: {topic: paid, where: "event.data.amount", deadline: 1m}}`, "14:47: it gives an int, and true or false is needed"},
		{`{name: b, saga: wrap}`, "14:25: the saga wrap has a point of no return, so b cannot be undone; write pivot: true for this step, or move it after the pivot"},
		{`{name: b, saga: wrap, pivot: true, input: "{'color': inputt}"}`, "14:62: nothing is named inputt here; did you mean input?"},
		{`{name: b, call: {service: stock, path: /b}, undo: none, schema: bad.json}`, "14:73: the schema cannot be used: "},
		{`{name: b, call: {service: stock, path: /b}, undo: none, schema: text.json}`, "14:73: the schema \"text.json\" is no JSON"},
		{`{name: b, call: {service: stock, path: /b}, undo: none, schema: far.json}`, "14:73: the schema cannot be used: "},
	} {
		_, err := load(t, app+first+"      - "+tc.steps+"\n")
		if err == nil || !strings.Contains(err.Error(), "banyan.yaml:"+tc.want) {
			t.Errorf("%s\n%v\nwant %s", tc.steps, err, tc.want)
		}
	}
}

// The column is in the text of the expression also where that spans lines.
func TestMistakesInBlocksHaveAPlace(t *testing.T) {
	_, err := load(t, app+`      - name: b
        call:
          service: stock
          path: /b
          body: |
            {
              'x': input.ordr
            }
        undo: none
`)
	if err == nil || !strings.Contains(err.Error(), "banyan.yaml:19:25: input has no property ordr") {
		t.Error(err)
	}
}

func TestAnUndoThatNeedsAnAnswerIsWarnedOf(t *testing.T) {
	f, err := load(t, app+`      - {name: a, call: {service: stock, path: /a}, undo: {path: "/a/{a.id}"}}
      - {name: b, call: {service: stock, path: /b}, undo: {path: "/b/{b == null ? saga.id : b.id}", body: "a"}}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := "banyan.yaml:13:71: the undo of a uses its output, which is null when the call was refused or its answer lost; name what the step makes by saga.id, or write a == null ? … : …"
	if len(f.Warnings) != 1 || !strings.HasSuffix(f.Warnings[0].String(), want) {
		t.Errorf("%v\nwant %s", f.Warnings, want)
	}
}

func TestAnAppCompiles(t *testing.T) {
	f, err := load(t, app+`      - {name: reserve, call: {service: stock, path: "/r", body: "{'o': input.order, 'at': saga.created}"}, undo: {path: "/r/{saga.id}/release"}, schema: res.json}
      - parallel:
          - {name: tax, when: "has(input.gift) && input.gift", call: {service: stock, path: "/tax/{reserve.id}"}, undo: none, output: "response.headers['x-tax']"}
          - {name: paid, wait: {topic: paid, where: "event.data.order == input.order && event.type != ''", deadline: 1m, else: continue}}
      - {name: charge, call: {service: stock, path: /charge, body: "{'tax': tax, 'amount': paid == null ? 0 : paid.amount}"}, undo: {path: "/x/{saga.id}", body: "charge"}}
      - {name: cool, delay: 1s}
      - {name: gift, saga: wrap, input: "{'color': reserve.id}", pivot: true}
      - {name: end, call: {service: stock, path: "/end/{gift.ribbon.x}"}}
`)
	if err != nil {
		t.Fatal(err)
	}
	defs, problems := definition.FromApp(f.App.Sagas, f.App.Topics, definition.ReadIn(f.Dir))
	if len(problems) > 0 || len(defs) != 2 {
		t.Fatal(problems)
	}
	def := defs["checkout"]
	var stages []string
	for _, s := range def.Steps {
		stages = append(stages, fmt.Sprint(s.Name, s.Stage))
	}
	if strings.Join(stages, " ") != "reserve0 tax1 paid1 charge2 cool3 gift4 end5" || def.Pivot != 5 {
		t.Errorf("%v, pivot %d", stages, def.Pivot)
	}
	// What a running saga keeps does not depend on the files any more.
	again, err := definition.Parse(def.Source())
	if err != nil {
		t.Fatal(err)
	}
	if again.Digest != def.Digest || !bytes.Equal(again.Source(), def.Source()) || len(again.Steps) != len(def.Steps) {
		t.Errorf("%s is %s when it is read again", def.Digest, again.Digest)
	}
	if err := again.CheckInput(json.RawMessage(`{"amount": "x"}`)); !errors.Is(err, definition.ErrInput) || !strings.Contains(err.Error(), "missing property 'order'") {
		t.Error(err)
	}
	if err := again.CheckInput(json.RawMessage(`{"order": "x"}`)); err != nil {
		t.Error(err)
	}
	f.App.Sagas["checkout"].Steps[0].Call.Path = "/other"
	if defs, _ := definition.FromApp(f.App.Sagas, f.App.Topics, definition.ReadIn(f.Dir)); defs["checkout"].Digest == def.Digest {
		t.Error("a change of the saga does not change the digest")
	}
}

func TestTextsThatAreNoDefinitionAreErrors(t *testing.T) {
	for _, text := range []string{``, `{}`, `{"name": "x"}`, `{"name": "x", "saga": {"steps": [{"name": "a", "call": {"service": "s", "path": "/{nope}"}}]}}`} {
		if _, err := definition.Parse([]byte(text)); err == nil {
			t.Errorf("%s is a definition", text)
		}
	}
}

func TestOutputsAreChecked(t *testing.T) {
	f, err := load(t, app+`      - {name: a, call: {service: stock, path: /a}, undo: none, schema: res.json}
      - {name: b, call: {service: stock, path: /b}, undo: none, output: "{'s': response.status, 'h': response.headers['x-id'], 'b': response.body}"}
`)
	if err != nil {
		t.Fatal(err)
	}
	defs, _ := definition.FromApp(f.App.Sagas, f.App.Topics, definition.ReadIn(f.Dir))
	def := defs["checkout"]
	in := definition.Scope{ID: "s1", Output: func(string) (json.RawMessage, bool) { return nil, false }}
	answer := func(i int, body string) string {
		v, err := def.Steps[i].Answer(def, in, definition.Response{Status: 201, Header: map[string]string{"x-id": "7"}, Body: json.RawMessage(body)})
		if err != nil {
			return "! " + err.Error()
		}
		return string(v)
	}
	for _, tc := range []struct {
		step       int
		body, want string
	}{
		{0, `{"id": "x"}`, `{"id": "x"}`},
		{0, `{"id": 1}`, "! the output is not what the schema says: /id: got number, want string"},
		{0, ``, "! the output is not what the schema says: got null, want object"},
		{0, `OK`, "! the answer is not JSON"},
		{1, ``, `{"b":null,"h":"7","s":201}`},
		{1, `[1.50]`, `{"b":[1.50],"h":"7","s":201}`},
		{1, `OK`, "! the answer is not JSON"},
		{1, `"` + strings.Repeat("x", 2<<20) + `"`, "! output: the result is longer than 1048576 bytes of JSON"},
	} {
		if got := answer(tc.step, tc.body); got != tc.want {
			t.Errorf("%.40s: %.200s, want %s", tc.body, got, tc.want)
		}
	}
}
