package policy

// Hash is FNV-1a of 64 bits, mixed so that all bits are good. It is the same in
// every process, so that what was chosen by it outlives a restart.
func Hash[T ~string | ~[]byte](key T) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	return mix(h)
}

// mix is SplitMix64's step (Steele et al., "Fast splittable pseudorandom number
// generators", 2014): each bit of the result depends on all bits of x.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
