package bus

import (
	"strings"
	"testing"
)

func TestCompatible(t *testing.T) {
	object := func(more string) string {
		return `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}}` + more + `}`
	}
	for name, c := range map[string]struct{ was, is, problem string }{
		"the same":                    {object(""), object(""), ""},
		"spelled otherwise":           {object(""), " " + object(` , "title" : "x" `), ""},
		"the first schema":            {"", object(""), ""},
		"no schema any more":          {object(""), "", ""},
		"a property more":             {object(""), `{"properties":{"a":{"type":"string"},"c":{"type":"null"}}}`, ""},
		"required":                    {object(""), object(`,"required":["a"]`), "/a: it is required now"},
		"not required":                {object(`,"required":["a"]`), object(""), ""},
		"integer to number":           {`{"type":"integer"}`, `{"type":"number"}`, ""},
		"number to integer":           {`{"type":"number"}`, `{"type":"integer"}`, "type number"},
		"a type more":                 {`{"type":"string"}`, `{"type":["string","null"]}`, ""},
		"a type less":                 {`{"type":["string","null"]}`, `{"type":"string"}`, "type null"},
		"any type bound":              {`{}`, `{"type":"string"}`, "bound"},
		"enum more":                   {`{"enum":["a"]}`, `{"enum":["a","b"]}`, ""},
		"enum less":                   {`{"enum":["a","b"]}`, `{"enum":["a"]}`, `"b" is not accepted`},
		"enum to type":                {`{"enum":["a","b"]}`, `{"type":"string"}`, ""},
		"enum to a wrong type":        {`{"enum":["a",1]}`, `{"type":"string"}`, "type integer"},
		"type to enum":                {`{"type":"string"}`, `{"enum":["a"]}`, "bound to a list"},
		"const":                       {`{"const":1}`, `{"const":2}`, "1 is not"},
		"maximum down":                {`{"maximum":9}`, `{"maximum":8}`, "maximum"},
		"maximum up":                  {`{"maximum":9}`, `{"maximum":10}`, ""},
		"minimum up":                  {`{"minimum":9}`, `{"minimum":10}`, "minimum"},
		"minimum new":                 {`{}`, `{"minimum":0}`, "minimum"},
		"length from zero":            {`{}`, `{"minLength":0}`, ""},
		"closed":                      {object(""), object(`,"additionalProperties":false`), "/*: nothing"},
		"opened":                      {object(`,"additionalProperties":false`), object(""), ""},
		"property gone, closed":       {object(`,"additionalProperties":false`), `{"type":"object","properties":{"a":{}},"additionalProperties":false}`, "/b: nothing"},
		"items":                       {`{"items":{"type":"string"}}`, `{"items":{"type":"integer"}}`, "/[]: type string"},
		"items of a tuple":            {`{"prefixItems":[{"type":"null"}],"items":{"type":"string"}}`, `{"items":{"type":"string"}}`, "prefixItems"},
		"unique":                      {`{}`, `{"uniqueItems":true}`, "unique"},
		"pattern":                     {`{"pattern":"a"}`, `{"pattern":"b"}`, "pattern"},
		"pattern gone":                {`{"pattern":"a"}`, `{}`, ""},
		"pattern of properties, gone": {`{"patternProperties":{"^x":{}},"additionalProperties":false}`, `{"additionalProperties":false}`, "patternProperties"},
		"an alternative more":         {`{"anyOf":[{"type":"string"}]}`, `{"anyOf":[{"type":"null"},{"type":"string"}]}`, ""},
		"an alternative less":         {`{"anyOf":[{"type":"null"},{"type":"string"}]}`, `{"anyOf":[{"type":"string"}]}`, "alternative"},
		"alternatives at all":         {`{"type":"string"}`, `{"anyOf":[{"type":"null"},{"type":"string"}]}`, ""},
		"reference":                   {`{"$ref":"#/$defs/x","$defs":{"x":{"type":"string"}}}`, `{"type":"string"}`, ""},
		"what is referred to":         {`{"$ref":"#/$defs/x","$defs":{"x":{"type":"string"}}}`, `{"$ref":"#/$defs/x","$defs":{"x":{"type":"null"}}}`, "type string"},
		"referred to in allOf": {
			`{"allOf":[{"$ref":"#/$defs/x"}],"$defs":{"x":{"type":"string"}}}`, `{"allOf":[{"$ref":"#/$defs/x"}],"$defs":{"x":{"type":"null"}}}`, "allOf",
		},
		"recursive": {
			`{"properties":{"next":{"$ref":"#"},"a":{"type":"string"}}}`, `{"properties":{"next":{"$ref":"#"},"a":{"type":["string","null"]}}}`, "",
		},
		"recursive and narrower": {
			`{"properties":{"next":{"$ref":"#"},"a":{"type":"string"}}}`, `{"properties":{"next":{"$ref":"#"},"a":{"type":"null"}}}`, "type string",
		},
		"unevaluated": {
			`{"properties":{"a":{}},"unevaluatedProperties":false}`, `{"unevaluatedProperties":false}`, "unevaluatedProperties",
		},
		"true":  {`{"type":"string"}`, `true`, ""},
		"false": {`true`, `false`, "nothing"},
	} {
		err := compatible("t", []byte(c.was), []byte(c.is))
		if (err == nil) != (c.problem == "") || err != nil && !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: %v, want %q", name, err, c.problem)
		}
	}
}
