package hpack

// codeLength is the length in bits of each octet's Huffman code, RFC 7541
// appendix B. The code is canonical: the lengths say all of it.
var codeLength = [256]uint8{
	13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
	28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
	6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
	5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
	13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
	7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
	15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
	6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
	20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
	24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
	22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
	21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
	26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
	19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
	20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
	26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
}

const (
	shortest, longest = 5, 30
	rootBits          = 10 // codes of up to so many bits are found in one step
)

// short is what the next rootBits bits begin with: a code of up to rootBits bits; bits is 0 if the code is longer.
type short struct{ octet, bits uint8 }

// huffman is the code's tables.
type huffman struct {
	code   [256]uint32 // by octet, in the low bits
	root   [1 << rootBits]short
	limit  [longest + 2]uint64 // by length: the first 32-bit window that belongs to a longer code
	first  [longest + 1]uint32 // by length: the first code
	offset [longest + 1]uint8  // by length: the place of the first code's octet in sorted
	sorted [256]uint8          // octets by code
}

var code = build()

func build() *huffman {
	t := new(huffman)
	next, place := uint32(0), 0
	for n := shortest; n <= longest; n++ {
		next <<= 1
		t.first[n], t.offset[n] = next, uint8(place) // 256 wraps, at a length with no code
		for octet := range 256 {
			if int(codeLength[octet]) != n {
				continue
			}
			t.code[octet], t.sorted[place] = next, uint8(octet)
			if n <= rootBits {
				at := next << (rootBits - n)
				for i := range uint32(1) << (rootBits - n) {
					t.root[at+i] = short{octet: uint8(octet), bits: uint8(n)}
				}
			}
			next, place = next+1, place+1
		}
		t.limit[n] = uint64(next) << (32 - n)
	}
	return t
}

// appendHuffman appends the text that p encodes. An error is wrong padding or
// the end-of-string symbol (RFC 7541 section 5.2).
func appendHuffman(dst, p []byte) ([]byte, error) {
	var bits uint64 // the next bits, from the top
	n := 0          // how many of them there are
	for {
		for n <= 56 && len(p) > 0 {
			bits |= uint64(p[0]) << (56 - n)
			p, n = p[1:], n+8
		}
		if s := code.root[bits>>(64-rootBits)]; s.bits != 0 && int(s.bits) <= n {
			dst = append(dst, s.octet)
			bits, n = bits<<s.bits, n-int(s.bits)
			continue
		}
		length := rootBits + 1
		window := bits >> 32
		for length <= longest && window >= code.limit[length] {
			length++
		}
		if length > longest || length > n || code.root[bits>>(64-rootBits)].bits != 0 {
			break
		}
		at := uint32(window>>(32-length)) - code.first[length]
		dst = append(dst, code.sorted[int(code.offset[length])+int(at)])
		bits, n = bits<<length, n-length
	}
	// What is left must be a prefix of the end-of-string symbol, all ones, shorter than an octet.
	if n >= 8 || bits>>(64-n) != 1<<n-1 {
		return dst, errHuffman
	}
	return dst, nil
}

// huffmanLength is the length in octets of the encoded p.
func huffmanLength(p []byte) int {
	n := 0
	for _, c := range p {
		n += int(codeLength[c])
	}
	return (n + 7) / 8
}

// putHuffman appends p, encoded.
func putHuffman(dst, p []byte) []byte {
	var bits uint64
	n := 0
	for _, c := range p {
		length := int(codeLength[c])
		bits = bits<<length | uint64(code.code[c])
		n += length
		for n >= 8 {
			n -= 8
			dst = append(dst, byte(bits>>n))
		}
	}
	if n > 0 {
		dst = append(dst, byte(bits<<(8-n))|byte(1<<(8-n)-1))
	}
	return dst
}
