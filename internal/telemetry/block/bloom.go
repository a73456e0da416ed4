package block

import (
	"fmt"
	"io"
)

// A bloom filter is cut into pages, each of which has its own checksum: one answer
// takes one small read. A filter of one page may be shorter.
const (
	pageSize    = 4096
	pageLeast   = 64
	pageSum     = 4
	bitsPerItem = 10
	probes      = 7 // with 10 bits an item, 0.8 % of what is not in it looks as if
)

// bloomBytes returns a filter of hashes, which may repeat.
func bloomBytes(hashes map[uint64]struct{}) []byte {
	if len(hashes) == 0 {
		return nil
	}
	bytes := (len(hashes)*bitsPerItem + 7) / 8
	pages, size := 1, max(pageLeast, (bytes+pageSum+7)&^7)
	if size > pageSize {
		pages, size = (bytes+pageSize-pageSum-1)/(pageSize-pageSum), pageSize
	}
	b := make([]byte, pages*size)
	for h := range hashes {
		page := b[pageOf(h, pages)*size:][:size-pageSum]
		at, step := probe(h)
		for range probes {
			bit := at % uint32(len(page)*8)
			page[bit/8] |= 1 << (bit % 8)
			at += step
		}
	}
	for i := range pages {
		page := b[i*size:][:size]
		order.PutUint32(page[size-pageSum:], checksum(page[:size-pageSum]))
	}
	return b
}

func pageOf(h uint64, pages int) int {
	return int((h >> 32) * uint64(pages) >> 32)
}

func probe(h uint64) (at, step uint32) {
	return uint32(h), uint32(mix(h)) | 1
}

// inBloom reports whether a hash may be in the filter of a section.
func inBloom(r io.ReaderAt, s section, h uint64) (bool, error) {
	if s.length == 0 {
		return false, nil
	}
	pages := (s.length + pageSize - 1) / pageSize
	size := s.length / pages
	if size*pages != s.length || size < pageLeast {
		return false, fmt.Errorf("a bloom filter of %d bytes: %w", s.length, ErrFormat)
	}
	var b [pageSize]byte
	page := b[:size]
	at := s.offset + int64(pageOf(h, int(pages)))*size
	if err := readAt(r, page, at); err != nil {
		return false, err
	}
	bits := page[:size-pageSum]
	if checksum(bits) != order.Uint32(page[size-pageSum:]) {
		return false, fmt.Errorf("a bloom filter at byte %d: %w", at, ErrFormat)
	}
	next, step := probe(h)
	for range probes {
		bit := next % uint32(len(bits)*8)
		if bits[bit/8]&(1<<(bit%8)) == 0 {
			return false, nil
		}
		next += step
	}
	return true, nil
}
