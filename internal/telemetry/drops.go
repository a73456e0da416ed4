package telemetry

import (
	"cmp"
	"slices"
	"sync"
)

// Drop is how many records were dropped, where and why.
type Drop struct {
	Where, Reason string
	Count         int64
}

type drops struct {
	mu sync.Mutex
	of map[[2]string]int64
}

func (d *drops) add(where, reason string, n int) {
	if n <= 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of == nil {
		d.of = map[[2]string]int64{}
	}
	d.of[[2]string{where, reason}] += int64(n)
}

func (d *drops) list() []Drop {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := make([]Drop, 0, len(d.of))
	for key, n := range d.of {
		list = append(list, Drop{Where: key[0], Reason: key[1], Count: n})
	}
	slices.SortFunc(list, func(a, b Drop) int { return cmp.Or(cmp.Compare(a.Where, b.Where), cmp.Compare(a.Reason, b.Reason)) })
	return list
}
