package kafka

import "testing"

func TestSizes(t *testing.T) {
	var s sizes
	if s.after(0) != 0 || s.fitting(10) != 0 {
		t.Error("what knows nothing says something")
	}
	s.begin(100, 200, 100_000) // 1,000 bytes each
	for n := range uint64(100_000) {
		s.add(201+n, 10)
	}
	if len(s.marks) > mostMarks {
		t.Errorf("it has %d marks", len(s.marks))
	}
	for offset, want := range map[uint64]int64{
		0: 1_100_000, 100: 1_100_000, 150: 1_050_000, 200: 1_000_000, 50_200: 500_000, 100_199: 10, 100_200: 0, 200_000: 0,
	} {
		// Marks that were thinned out may mix the two sizes near their border.
		if got := s.after(offset); got < want-6000 || got > want+6000 {
			t.Errorf("%d bytes lie after %d, not %d", got, offset, want)
		}
	}
	for _, bytes := range []int64{0, 1, 500, 500_000, 1_099_999, 2_000_000} {
		at := s.fitting(bytes)
		if s.after(at) > bytes || at > 100 && s.after(at-1) <= bytes {
			t.Errorf("%d is the first offset after which %d bytes lie", at, bytes)
		}
	}
	s.forget(60_000)
	if first := s.marks[0].offset; first > 60_000 || first < 50_000 {
		t.Errorf("the first mark is at %d", first)
	}
	if got := s.after(60_000); got < 402_000-6000 || got > 402_000+6000 {
		t.Errorf("%d bytes are left", got)
	}
}
