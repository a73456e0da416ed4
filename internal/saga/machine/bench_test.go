package machine_test

import (
	"encoding/json"
	"testing"

	"github.com/banyanrun/banyan/internal/saga/machine"
)

// BenchmarkSaga is what a saga of four calls costs beside its calls and its store.
func BenchmarkSaga(b *testing.B) {
	def := define(b, checkout)
	b.ReportAllocs()
	for b.Loop() {
		s, effects, err := machine.Start(def, "s1", json.RawMessage(order), start)
		if err != nil {
			b.Fatal(err)
		}
		for !s.Status.Ended() {
			call := effects[len(effects)-1].(machine.Call)
			if s, effects, err = machine.Step(def, s, machine.Answered{Step: call.Step, Op: call.Op, Attempt: call.Attempt, Outcome: done(`{"id": "r1"}`)}, start); err != nil {
				b.Fatal(err)
			}
			if _, err := json.Marshal(s); err != nil {
				b.Fatal(err)
			}
		}
	}
}
