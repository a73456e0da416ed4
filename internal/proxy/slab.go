package proxy

// slab hands out values that are allocated some at a time: a large table is a
// few hundred objects to the allocator instead of a hundred thousand. A value
// keeps its neighbours in memory, at most slabMost-1 of them, so what is in slabs
// does not lead to what can be large or hold on to something: instances, caches.
type slab[T any] struct {
	left []T
	size int
}

const slabMost = 64

// next is a zero value.
func (s *slab[T]) next() *T { return &s.list(1)[0] }

// list is n zero values.
func (s *slab[T]) list(n int) []T {
	if len(s.left) < n {
		s.size = min(max(1, 2*s.size), slabMost) // a small change takes little
		s.left = make([]T, max(n, s.size))
	}
	l := s.left[:n:n]
	s.left = s.left[n:]
	return l
}
