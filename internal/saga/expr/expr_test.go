package expr

import (
	"encoding/json"
	"strings"
	"testing"
)

const orderSchema = `{
	"type": "object", "required": ["order"],
	"properties": {
		"order": {"type": "string"},
		"n": {"type": "integer"},
		"price": {"type": "number"},
		"note": {"type": ["string", "null"]},
		"gift": {"type": "boolean"},
		"items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
		"tags": {"type": "object", "additionalProperties": {"type": "string"}},
		"address": {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": true},
		"either": {"oneOf": [{"type": "string"}, {"type": "object", "properties": {"x": {}}}]}
	},
	"$defs": {"item": {"type": "object", "properties": {"sku": {"type": "string"}, "parts": {"type": "array", "items": {"$ref": "#/$defs/item"}}}}}
}`

const orderInput = `{"order": "o/1", "n": 5.0, "price": 3, "note": null, "z": 1,
	"items": [{"sku": "a", "parts": [{"sku": "b"}]}], "tags": {"k": "v"}, "address": {"zip": 1}}`

const anything = `{"big": 9007199254740993, "huge": 123456789012345678901234567890, "price": 12.10, "e": 1e2, "b": [1, 2.5, null], "a": {"z": 1, "y": 2}, "s": "x"}`

func newEnv(tb testing.TB) *Env {
	tb.Helper()
	input, err := TypeOf([]byte(orderSchema))
	if err != nil {
		tb.Fatal(err)
	}
	env, err := NewEnv(Var{"input", input}, Var{"reserve", Any}, Var{"saga", Object(map[string]*Type{"id": String, "created": Time}, nil)})
	if err != nil {
		tb.Fatal(err)
	}
	return env
}

func values(name string) (json.RawMessage, bool) {
	text, ok := map[string]string{
		"input": orderInput, "reserve": anything, "saga": `{"id": "s1", "created": "2026-01-02T03:04:05.5Z"}`,
		"type": `{"a": 1}`, "size": `{"a": 1}`, "empty": ``,
	}[name]
	return json.RawMessage(text), ok
}

func TestJSON(t *testing.T) {
	env, err := newEnv(t).With(Var{"type", Any}, Var{"size", Any}, Var{"empty", Any}, Var{"none", Any})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range [][2]string{
		{`{'a': input.order, 'items': input.items}`, `{"a":"o/1","items":[{"parts":[{"sku":"b"}],"sku":"a"}]}`},
		{`reserve`, `{"a":{"y":2,"z":1},"b":[1,2.5,null],"big":9007199254740993,"e":1e2,"huge":123456789012345678901234567890,"price":12.10,"s":"x"}`},
		{`[reserve.big + 1, input.n + 1]`, `[9007199254740994,6]`},
		{`9223372036854775807`, `9223372036854775807`},
		{`input.price * 1.5`, `4.5`},
		{`input.price > 2`, `true`},
		{`reserve.price > 12`, `true`},
		{`reserve.a.y == 2.0`, `true`},
		{`input.items.map(i, i.sku)`, `["a"]`},
		{`input.items[0].parts[0].sku`, `"b"`},
		{`reserve.a.map(k, k)`, `["y","z"]`},
		{`{'c': 1, 'a': 2, 'b': 3}.map(k, k)`, `["a","b","c"]`},
		{`input.tags.k + input.tags['k']`, `"vv"`},
		{`input.address.zip`, `1`},
		{`input.note == null`, `true`},
		{`input.?gift.orValue(false)`, `false`},
		{`has(input.gift) ? 1 : 2`, `2`},
		{`reserve.a == {'y': 2, 'z': 1}`, `true`},
		{`saga.created + duration('90m')`, `"2026-01-02T04:34:05.5Z"`},
		{`saga`, `{"created":"2026-01-02T03:04:05.5Z","id":"s1"}`},
		{`duration('90s')`, `"90s"`},
		{`b'abc'`, `"YWJj"`},
		{`type.a + size.a`, `2`},
		{`empty`, `null`},
		{`'ä' + "\n"`, `"ä\n"`},
		{`input.items.all(i, i.sku != '') && 'x' in {'x': 1}`, `true`},
	} {
		p, err := env.Compile(tc[0], JSON)
		if err != nil {
			t.Errorf("%s: %v", tc[0], err)
			continue
		}
		for range 3 { // it gives the same each time
			if got, err := p.JSON(values); err != nil || string(got) != tc[1] {
				t.Errorf("%s is %s, %v; want %s", tc[0], got, err, tc[1])
			}
		}
	}
}

func TestMistakes(t *testing.T) {
	env := newEnv(t).Unusable(map[string]string{"charge": "charge comes later"})
	for _, tc := range []struct {
		text, want string
		where      Want
	}{
		{`input.ordr`, "at byte 6: input has no property ordr; did you mean order?", JSON},
		{`{'a': input.items[0].skuu}`, "at byte 21: input.items[…] has no property skuu; did you mean sku?", JSON},
		{`'ä' + input.ordr`, "at byte 13: input has no property ordr; did you mean order?", JSON},
		{"1 +\n  input.nn", "at byte 12: input has no property nn; did you mean n?", JSON},
		{`input.items.map(i, i.sk)`, "at byte 21: i has no property sk; did you mean sku?", JSON},
		{`inptu.order`, "at byte 1: nothing is named inptu here; did you mean input?", JSON},
		{`foo`, "at byte 1: nothing is named foo here; there are input, reserve, saga", JSON},
		{`charge.id`, "at byte 1: charge comes later", JSON},
		{`[1].map(x, charge)`, "at byte 12: charge comes later", JSON},
		{`input.price * 2`, "at byte 13: * does not take (double, int); write 2.0 for 2, or double(…) around the integer", JSON},
		{`'a' + 1`, "at byte 5: + does not take (string, int); write string(…) around what is no text", JSON},
		{`input.n`, "at byte 1: it gives an int, and true or false is needed", Bool},
		{`1 +`, "at byte 4: it cannot be read: ", JSON},
		{``, "at byte 1: it cannot be read: ", JSON},
		{`nope(1)`, "at byte 5: nothing is named nope here", JSON},
	} {
		if _, err := env.Compile(tc.text, tc.where); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%s: %v\nwant %s", tc.text, err, tc.want)
		}
	}
	if _, err := env.Compile(`[1].map(charge, charge + 1)`, JSON); err != nil {
		t.Errorf("a variable of its own: %v", err)
	}
}

func TestEvaluationErrors(t *testing.T) {
	env := newEnv(t)
	for text, want := range map[string]string{
		`reserve.nope`:                    "no such key: nope",
		`input.gift`:                      "no such key: gift",
		`reserve.b[3]`:                    "index out of bounds: 3",
		`1 / (reserve.big - reserve.big)`: "division by zero",
		`reserve.big * reserve.big`:       "integer overflow",
		`reserve.s + 1`:                   "an operation does not take what it was given",
		`{1: 2}`:                          "the result has an object with a key that is not a string",
		`double('NaN')`:                   "which JSON cannot say",
		`[type(1)]`:                       "which JSON cannot say",
		huge:                              "it takes more than 1000000 operations",
		`[1,1,1,1,1,1,1,1,1,1].map(a, [1,1,1,1,1,1,1,1,1,1].map(b, [1,1,1,1,1,1,1,1,1,1].map(c, [reserve, reserve, reserve, reserve, reserve, reserve, reserve, reserve, reserve, reserve])))`: "the result is longer than 1048576 bytes of JSON",
	} {
		p, err := env.Compile(text, JSON)
		if err != nil {
			t.Errorf("%.60s: %v", text, err)
			continue
		}
		if v, err := p.JSON(values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %.100s, %v; want %s", text, v, err, want)
		}
	}
	p, err := env.Compile(`reserve.s`, Bool)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Bool(values); err == nil || err.Error() != "it gives a string, and true or false is needed" {
		t.Error(err)
	}
	if p, _ = env.Compile(`reserve`, JSON); p != nil {
		_, err := p.JSON(func(string) (json.RawMessage, bool) { return json.RawMessage(`{"a"`), true })
		if err == nil || !strings.Contains(err.Error(), "reserve: it is not JSON") {
			t.Error(err)
		}
	}
}

// huge does more than anybody wants to wait for.
var huge = strings.Repeat("[1,1,1,1,1,1,1,1,1,1].all(x, ", 10) + "true" + strings.Repeat(")", 10)

func TestPaths(t *testing.T) {
	env := newEnv(t)
	given := func(name string) (json.RawMessage, bool) {
		if name == "reserve" {
			return json.RawMessage(`{"evil": "../x?y#z/%2e", "dots": "..", "dot": ".", "empty": "", "null": null, "list": [], "int": -7, "real": 2.5, "yes": true}`), true
		}
		return values(name)
	}
	for _, tc := range [][2]string{
		{"/plain/../as/written", "/plain/../as/written"},
		{"/a/{reserve.evil}/b", "/a/..%2Fx%3Fy%23z%2F%252e/b"},
		{"/{reserve.int}/{reserve.real}/{reserve.yes}", "/-7/2.5/true"},
		{"/v{input.n}?q={reserve.evil}&r={reserve.empty}", "/v5?q=..%2Fx%3Fy%23z%2F%252e&r="},
		{"/{input.order}", "/o%2F1"},
		{"/{reserve.dots}", "! the path /.. has a segment .."},
		{"/a/.{reserve.dot}", "! the path /a/.. has a segment .."},
		{"/{reserve.empty}", "! a part of the path is empty"},
		{"/{reserve['null']}", "! a part of the path is null"},
		{"/{reserve.list}", "! a part of the path is a list; text or a number is needed"},
		{"/{reserve.nope}", "! no such key: nope"},
		{"/{input.ordr}", "! at byte 8: input has no property ordr; did you mean order?"},
		{"/{input}", "! at byte 3: it gives an object(input), and text or a number is needed"},
		{"/a}", "! at byte 3: } without {"},
		{"/{a{", "! at byte 2: { without }"},
		{"/{", "! at byte 2: { without }"},
	} {
		got := ""
		tmpl, err := env.Template(tc[0])
		if err == nil {
			got, err = tmpl.Path(given)
		}
		if want, bad := strings.CutPrefix(tc[1], "! "); bad && (err == nil || !strings.HasPrefix(err.Error(), want)) || !bad && got != want {
			t.Errorf("%s: %s, %v; want %s", tc[0], got, err, tc[1])
		}
	}
}

func TestCorrelation(t *testing.T) {
	env, err := newEnv(t).With(Var{"event", Any})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ where, event, on, key string }{
		{`event.subject == input.order`, `{"subject": "o/1"}`, "event.subject", "so/1"},
		{`input.order == event.data.order`, `{"data": {"order": "o/1"}}`, "event.data.order", "so/1"},
		{`event.type == event.source && event.n == reserve.big && true`, `{"n": 9007199254740993}`, "event.n", "9007199254740993"},
		{`event.n == 5.0`, `{"n": 5}`, "event.n", "5"},
		{`event.n == 5`, `{"n": 5.0}`, "event.n", "5"},
		{`event.n == [1, 2].map(x, x * 2)[1]`, `{"n": 4e0}`, "event.n", "4"},
		{`event.ok == true`, `{"ok": true}`, "event.ok", "true"},
		{`event.subject == input.order || true`, ``, "", ""},
		{`event == input.order`, ``, "", ""},
		{`event.subject != input.order`, ``, "", ""},
		{`true`, ``, "", ""},
	} {
		p, err := env.Compile(tc.where, Bool)
		if err != nil {
			t.Fatal(err)
		}
		on, value := p.Correlate("event")
		if on != tc.on {
			t.Errorf("%s: on %q, want %q", tc.where, on, tc.on)
		}
		if value == nil {
			continue
		}
		key, ok, err := value.Key(values)
		if got, found := Pick(json.RawMessage(tc.event), on); key != tc.key || !ok || err != nil || got != key || !found {
			t.Errorf("%s: the key is %q, %v, %v; the event's is %q, %v", tc.where, key, ok, err, got, found)
		}
	}
	long := strings.Repeat("x", 1000)
	if key, ok := Pick(json.RawMessage(`{"a": "`+long+`"}`), "event.a"); !ok || len(key) > valueMost {
		t.Errorf("%d bytes, %v", len(key), ok)
	}
	for _, text := range []string{`{"a": {"b": []}}`, `{"a": null}`, `[]`, `{`, ``} {
		if key, ok := Pick(json.RawMessage(text), "event.a.b"); ok {
			t.Errorf("%s: %s", text, key)
		}
	}
}

func FuzzExpression(f *testing.F) {
	env := newEnv(f)
	for _, text := range []string{`input.order`, `{'a': [1, 2.5, reserve.b]}`, `input.items.filter(i, i.sku == 'a')`, "'ä\n' + inptu", `{`, `input.?gift`} {
		f.Add(text, orderInput)
	}
	f.Fuzz(func(t *testing.T, text, input string) {
		p, err := env.Compile(text, JSON)
		if err != nil {
			if e, ok := err.(*Error); !ok || e.Offset < 0 || e.Offset > len(text) { //nolint:errorlint // it is no other
				t.Fatalf("%#v", err)
			}
			return
		}
		given := func(string) (json.RawMessage, bool) { return json.RawMessage(input), true }
		v, err := p.JSON(given)
		if err == nil && !json.Valid(v) {
			t.Fatalf("%s gives %s", text, v)
		}
		if tmpl, err := env.Template("/a/{" + text + "}/b"); err == nil {
			if path, err := tmpl.Path(given); err == nil && strings.Count(path, "/") != 3 {
				t.Fatalf("%s gives the path %s", text, path)
			}
		}
	})
}
