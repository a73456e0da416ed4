package main

import (
	"encoding/json"
	"time"

	"github.com/banyanrun/banyan/internal/saga/definition"
	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/saga/store"
)

// filled returns a saga's row, in its first call or ended.
func filled(def *definition.Definition, id string, ended bool) (store.Saga, error) {
	now := time.Now()
	state, effects, err := machine.Start(def, id, input, now)
	if err != nil {
		return store.Saga{}, err
	}
	row := store.Saga{ID: id, Name: def.Name, Digest: def.Digest, Version: 1, Created: now, Updated: now, By: "shop", Key: id, Origin: []byte(`{"trace":""}`)}
	for ended && !state.Status.Ended() {
		c, ok := effects[len(effects)-1].(machine.Call)
		if !ok {
			for _, e := range effects {
				if one, is := e.(machine.Call); is {
					c = one
				}
			}
		}
		done := machine.Outcome{Kind: machine.OutcomeDone, Status: 200, Body: json.RawMessage(`{"id":"7f3a","ok":true}`)}
		if state, effects, err = machine.Step(def, state, machine.Answered{Step: c.Step, Op: c.Op, Attempt: c.Attempt, Outcome: done}, now); err != nil {
			return row, err
		}
	}
	row.Status = string(state.Status)
	if ended {
		row.Expires = now.Add(24 * time.Hour)
	} else {
		row.Due, _ = state.Due()
	}
	row.Doc, err = json.Marshal(state)
	return row, err
}
