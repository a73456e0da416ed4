package loop

// Sizes of buffers: small ones for heads and short bodies, large ones for
// bodies that keep coming.
const (
	Small = 16 << 10
	Large = 128 << 10
)

// buffers keeps unused buffers, the last used first: it is in the cache.
type buffers struct {
	small, large [][]byte
}

// kept bounds unused buffers of a size.
const kept = 256

// get returns an empty buffer with room for at least n bytes.
func (b *buffers) get(n int) []byte {
	switch {
	case n <= Small:
		return pop(&b.small, Small)
	case n <= Large:
		return pop(&b.large, Large)
	}
	return make([]byte, 0, n)
}

func pop(list *[][]byte, size int) []byte {
	n := len(*list)
	if n == 0 {
		return make([]byte, 0, size)
	}
	p := (*list)[n-1]
	(*list)[n-1] = nil
	*list = (*list)[:n-1]
	return p[:0]
}

// put takes back a buffer that nobody uses any more.
func (b *buffers) put(p []byte) {
	switch {
	case cap(p) >= Large && cap(p) < 2*Large:
		if len(b.large) < kept/4 {
			b.large = append(b.large, p[:0])
		}
	case cap(p) >= Small && cap(p) < Large:
		if len(b.small) < kept {
			b.small = append(b.small, p[:0])
		}
	}
}

// grow returns p with room for n more bytes.
func (b *buffers) grow(p []byte, n int) []byte {
	if cap(p)-len(p) >= n {
		return p
	}
	q := append(b.get(max(len(p)+n, min(2*cap(p), Large))), p...)
	b.put(p)
	return q
}
