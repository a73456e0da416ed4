package machine_test

import (
	"testing"

	"github.com/banyanrun/banyan/internal/saga/machine"
)

const checkout = `{"steps": [
	{"name": "reserve", "call": {"service": "inventory", "path": "/reservations", "body": "{'items': input.items}"}, "undo": {"path": "/reservations/{saga.id}/release"}},
	{"name": "charge", "call": {"service": "payment", "path": "/charges/{reserve.id}", "body": "{'amount': input.amount}"}, "undo": {"path": "/charges/{saga.id}/refund"}},
	{"name": "ship", "call": {"service": "shipping", "path": "/shipments"}, "undo": "none", "pivot": true},
	{"name": "confirm", "call": {"service": "order", "path": "/orders/{input.order}/confirm", "body": "ship"}}
]}`

const order = `{"order": "o1", "items": [{"sku": "a", "n": 1}], "amount": 9007199254740993}`

func TestStepsAreDoneOneAfterAnother(t *testing.T) {
	g := begin(t, define(t, checkout), order)
	g.wants("reserve/do")
	g.answer("reserve", done(`{"id": "r/1"}`))
	g.wants("charge/do")
	call := g.effects[0].(machine.Call)
	if call.Request.Path != "/charges/r%2F1" || string(call.Request.Body) != `{"amount":9007199254740993}` || call.Key != "s1/charge/do" {
		t.Fatalf("the call is %+v", call)
	}
	g.answer("charge", done(``))
	g.wants("ship/do")
	g.answer("ship", done(`{"parcel": 7}`))
	g.wants("confirm/do")
	if call := g.effects[0].(machine.Call); string(call.Request.Body) != `{"parcel":7}` {
		t.Fatalf("the call is %+v", call)
	}
	g.answer("confirm", done(``))
	g.wants()
	g.is(machine.Succeeded)
}

func TestRefusedStepsTurnBack(t *testing.T) {
	g := begin(t, define(t, checkout), order)
	g.answer("reserve", done(`{"id": "r1"}`))
	g.answer("charge", done(``))
	g.answer("ship", aborted)
	g.wants("charge/undo")
	g.is(machine.Compensating)
	g.answer("charge", done(``))
	g.wants("reserve/undo")
	g.answer("reserve", done(``))
	g.wants()
	g.is(machine.Compensated)
}
