package bus

import "github.com/banyanrun/banyan/internal/bus/engine"

// Show returns a record, such as a dead letter's, as Tail shows it. They share memory.
func Show(r *engine.Stored) Tailed { return Tailed{sequence(r.Position), r.Time, event(&r.Record)} }
