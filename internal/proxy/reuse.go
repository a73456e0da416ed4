package proxy

import "iter"

// reuse finds what of an old list is in a new one, which is nearly the same:
// element by element, with what was put in or taken out before.
type reuse[T comparable] struct {
	old   []T
	used  []bool
	shift int // from a place in the new list to that in the old one
}

func newReuse[T comparable](old []T) *reuse[T] {
	return &reuse[T]{old: old, used: make([]bool, len(old))}
}

// beside takes the old element that is in the place of the i-th new one, if it is equal.
func (r *reuse[T]) beside(i int, equal func(T) bool) (v T, ok bool) {
	j := i + r.shift
	if j < 0 || j >= len(r.old) || r.used[j] || !equal(r.old[j]) {
		return v, false
	}
	r.used[j] = true
	return r.old[j], true
}

// at takes v as the i-th new element, if it was the j-th old one, is not taken and equal.
func (r *reuse[T]) at(j, i int, v T, equal func(T) bool) (T, bool) {
	if j >= len(r.old) || r.used[j] || r.old[j] != v || !equal(v) {
		return v, false
	}
	r.used[j], r.shift = true, j-i
	return v, true
}

// rest are the old elements that were not taken.
func (r *reuse[T]) rest() iter.Seq[T] {
	return func(yield func(T) bool) {
		for j, v := range r.old {
			if !r.used[j] && !yield(v) {
				return
			}
		}
	}
}
