package appfile

import (
	"fmt"
	"reflect"
)

// notYet are what a file can say and this version cannot do, by Type.Field and
// value; "*" is any value but the zero one. All of it is checked like the rest.
var notYet = map[string]map[string]limit{
	"Bus.Engine": {
		EngineRabbitMQ: {"the bus engine rabbitmq is not available yet", "leave bus out: the embedded engine keeps events on this machine and needs no server"},
	},
	"App.Sagas": {
		"*": {"sagas are not available yet", "remove them, and let a service call the others one after another and keep in its database what must be undone"},
	},
}

// limit is something that cannot be had: why, and what to write instead.
type limit struct{ message, fix string }

// available refuses what notYet says.
func (v *validator) available(val reflect.Value, f field, path string) {
	values, ok := notYet[f.id]
	if !ok || isEmpty(val) {
		return
	}
	l, ok := values[fmt.Sprint(val.Interface())]
	if !ok {
		l, ok = values["*"]
	}
	if ok {
		v.report(path, l.message, l.fix)
	}
}
