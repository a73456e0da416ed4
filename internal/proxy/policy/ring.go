package policy

import (
	"cmp"
	"slices"
	"sort"
	"strconv"
)

// Ring is a consistent hash ring (Karger et al., 1997; many points for each
// instance, as in libketama): a key belongs to the first point at or after its
// hash. When an instance leaves, only its keys move; when one comes, only keys
// to it do. Places depend on the names alone, so that they are the same after a
// restart. A Ring never changes.
type Ring struct {
	at    []uint64 // sorted
	owner []uint32 // of each point: an index of the names
	n     int
}

// ringPoints is how many points an instance has: its share of the keys has a
// standard deviation of about 1/√160, 8 %.
const ringPoints = 160

// NewRing returns the ring of the instances that have these names. Of equal
// names the first has all the keys.
func NewRing(names []string) *Ring {
	type point struct {
		at    uint64
		owner uint32
	}
	points := make([]point, 0, len(names)*ringPoints)
	var key []byte
	for i, name := range names {
		for k := range ringPoints {
			key = strconv.AppendInt(append(append(key[:0], name...), 0), int64(k), 10)
			points = append(points, point{at: Hash(key), owner: uint32(i)})
		}
	}
	slices.SortFunc(points, func(a, b point) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.owner, b.owner))
	})
	r := &Ring{at: make([]uint64, len(points)), owner: make([]uint32, len(points)), n: len(names)}
	for i, p := range points {
		r.at[i], r.owner[i] = p.at, p.owner
	}
	return r
}

// first is the point where a key's walk begins.
func (r *Ring) first(key uint64) int {
	i := sort.Search(len(r.at), func(i int) bool { return r.at[i] >= key })
	if i == len(r.at) {
		return 0
	}
	return i
}

// onRing is the instance whose key it is or, where that is not fit, the next
// on the ring that is: each instance's keys are spread over all others.
func onRing[V View](ring *Ring, v V, key uint64) int {
	if ring.n == 0 {
		return -1
	}
	at, last := ring.first(key), uint32(ring.n)
	// Almost surely the walk has met every instance by then.
	for range min(len(ring.at), 16*ring.n) {
		if i := ring.owner[at]; i != last {
			if v.Fit(int(i)) {
				return int(i)
			}
			last = i
		}
		if at++; at == len(ring.at) {
			at = 0
		}
	}
	return scan(v, int(ring.owner[at]))
}
