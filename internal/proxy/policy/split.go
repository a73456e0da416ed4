package policy

import (
	"math"

	"github.com/banyanrun/banyan/internal/route"
)

// Split chooses between revisions by weight. A Split never changes; those
// before and after it agree as far as their weights do: a client leaves its
// revision only for one whose weight has grown in relation to it. So when a
// canary goes from 10 to 50 %, who was in the 10 stays. It is weighted
// rendezvous hashing (Thaler and Ravishankar, 1998; weights by Schindelhauer
// and Schomaker, 2005).
type Split struct{ shares []share }

type share struct {
	seed uint64
	mean float64 // 1/weight
	at   int     // in the route's list
}

// NewSplit returns the split between shares. Those of weight 0 get nothing.
func NewSplit(shares []route.Share) *Split {
	s := &Split{}
	for i, sh := range shares {
		if sh.Weight > 0 {
			s.shares = append(s.shares, share{seed: Hash(sh.Revision), mean: 1 / float64(sh.Weight), at: i})
		}
	}
	return s
}

// Pick returns the index of the share that h belongs to: random, or the [Hash]
// of what identifies a client that is to stay. -1 if all weights are 0.
func (s *Split) Pick(h uint64) int {
	switch len(s.shares) {
	case 0:
		return -1
	case 1:
		return s.shares[0].at
	}
	// Each share waits for an exponentially distributed time whose mean is
	// 1/weight; that one is the first is as likely as its weight.
	best, first := -1, math.Inf(1)
	for _, sh := range s.shares {
		u := (float64(mix(h^sh.seed)>>11) + 0.5) / (1 << 53) // 0 < u < 1
		if t := -math.Log(u) * sh.mean; t < first {
			best, first = sh.at, t
		}
	}
	return best
}
