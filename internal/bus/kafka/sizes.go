package kafka

import "sort"

// sizes knows about how many bytes lie between offsets: exactly at marks, and
// evenly between them. The zero value knows nothing.
type sizes struct {
	marks []mark // both rise; the last is the end
	step  int64  // bytes between marks, at least
}

type mark struct {
	offset uint64
	total  int64 // bytes up to it
}

const (
	mostMarks = 512
	firstStep = 4 << 10
)

// begin sets what lies between two offsets.
func (s *sizes) begin(start, end uint64, bytes int64) {
	s.step = firstStep
	s.marks = []mark{{offset: start}}
	if end > start {
		s.marks = append(s.marks, mark{end, bytes})
	}
}

// add puts the end at an offset, bytes further.
func (s *sizes) add(end uint64, bytes int64) {
	n := len(s.marks)
	if n == 0 || end <= s.marks[n-1].offset {
		return
	}
	next := mark{end, s.marks[n-1].total + bytes}
	if n > 1 && next.total-s.marks[n-2].total <= s.step {
		s.marks[n-1] = next
		return
	}
	s.marks = append(s.marks, next)
	if n+1 < mostMarks {
		return
	}
	kept := s.marks[:0]
	for i, m := range s.marks {
		if i%2 == 0 || i == n {
			kept = append(kept, m)
		}
	}
	s.marks, s.step = kept, 2*s.step
}

// forget drops what lies before an offset.
func (s *sizes) forget(start uint64) {
	i := sort.Search(len(s.marks), func(i int) bool { return s.marks[i].offset > start })
	if i > 1 {
		s.marks = append(s.marks[:0], s.marks[i-1:]...)
	}
}

// after is what lies between an offset and the end.
func (s *sizes) after(offset uint64) int64 {
	n := len(s.marks)
	if n == 0 {
		return 0
	}
	i := sort.Search(n, func(i int) bool { return s.marks[i].offset >= offset })
	end := s.marks[n-1].total
	switch {
	case i == n:
		return 0
	case i == 0:
		return end - s.marks[0].total
	}
	a, b := s.marks[i-1], s.marks[i]
	part := float64(offset-a.offset) / float64(b.offset-a.offset)
	return end - a.total - int64(part*float64(b.total-a.total))
}

// fitting is the first offset after which no more than some bytes lie.
func (s *sizes) fitting(bytes int64) uint64 {
	n := len(s.marks)
	if n == 0 {
		return 0
	}
	low, high := s.marks[0].offset, s.marks[n-1].offset
	return low + uint64(sort.Search(int(high-low), func(i int) bool { return s.after(low+uint64(i)) <= bytes }))
}
