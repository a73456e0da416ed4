package hpack

import (
	"bytes"
	"hash/maphash"
	"slices"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// Encoder encodes header blocks. The zero value is ready for use.
//
// What it puts into the table is Huffman-encoded, for it is written once; what
// is written each time is written plainly, for time is dearer than a few octets.
type Encoder struct {
	table   table
	started bool // table.max is set
	index   *index
	scratch []byte // a name in lower case

	// What the next block must say about the table's size (RFC 7541 section 4.2).
	update bool
	empty  bool // first to 0: decoders that take two updates only for an empty table exist
}

const (
	slots  = 512
	probes = 8
	seen   = 64

	// largest is the size of the largest field that is worth a place in the table.
	largest = TableSize / 4
	// shortCookie is the length below which a cookie may be guessed, octet by
	// octet, by watching whether it compresses (RFC 7541 section 7.1.3).
	shortCookie = 20
)

// index finds entries of an encoder's table.
type index struct {
	slots [slots]slot
	seen  [seen]uint32 // fields that were lately written and are not in the table
}

// slot is an entry's place in the index: one by its name, one by name and value.
type slot struct{ hash, number uint32 } // number + 1; 0: empty

var seed = maphash.MakeSeed()

// SetTableSize follows the peer's SETTINGS_HEADER_TABLE_SIZE.
func (e *Encoder) SetTableSize(n uint32) {
	e.start()
	size := int(min(n, TableSize))
	if size == e.table.max {
		return
	}
	if e.update { // two changes between two blocks must both be told
		e.empty = true
		e.table.setMax(0)
	}
	e.update = true
	e.table.setMax(size)
}

func (e *Encoder) start() {
	if !e.started {
		e.started, e.table.max = true, TableSize
	}
}

// Begin starts a block: it appends the changes of the table's size that are due.
func (e *Encoder) Begin(dst []byte) []byte {
	e.start()
	if !e.update {
		return dst
	}
	if e.empty {
		dst = append(dst, 0x20)
	}
	e.update, e.empty = false, false
	return putInteger(dst, 0x20, 5, e.table.max)
}

// Status appends :status, 100 to 999.
func (e *Encoder) Status(dst []byte, status int) []byte {
	switch status {
	case 200:
		return append(dst, 0x80|atStatus)
	case 204:
		return append(dst, 0x80|atStatus+1)
	case 206:
		return append(dst, 0x80|atStatus+2)
	case 304:
		return append(dst, 0x80|atStatus+3)
	case 400:
		return append(dst, 0x80|atStatus+4)
	case 404:
		return append(dst, 0x80|atStatus+5)
	case 500:
		return append(dst, 0x80|atStatus+6)
	}
	text := [3]byte{'0' + byte(status/100), '0' + byte(status/10%10), '0' + byte(status%10)}
	return e.repeated(dst, atStatus, static[atStatus].Name, text[:], meta{pseudo: Status})
}

// Method appends :method.
func (e *Encoder) Method(dst, method []byte) []byte {
	switch string(method) {
	case "GET":
		return append(dst, 0x80|atMethod)
	case "POST":
		return append(dst, 0x80|atMethod+1)
	}
	return e.repeated(dst, atMethod, static[atMethod].Name, method, meta{pseudo: Method})
}

// Scheme appends :scheme.
func (e *Encoder) Scheme(dst, scheme []byte) []byte {
	switch string(scheme) {
	case "http":
		return append(dst, 0x80|atScheme)
	case "https":
		return append(dst, 0x80|atScheme+1)
	}
	return e.repeated(dst, atScheme, static[atScheme].Name, scheme, meta{pseudo: Scheme})
}

// Authority appends :authority.
func (e *Encoder) Authority(dst, authority []byte) []byte {
	return e.repeated(dst, atAuthority, static[atAuthority].Name, authority, meta{pseudo: Authority})
}

// Path appends :path.
func (e *Encoder) Path(dst, path []byte) []byte {
	if len(path) == 1 && path[0] == '/' {
		return append(dst, 0x80|atPath)
	}
	return e.repeated(dst, atPath, static[atPath].Name, path, meta{pseudo: Path})
}

// Field appends a field, its name in lower case. One that is sensitive is
// marked so that nobody on the way puts it into a table; so are credentials,
// cookies that are set, and short cookies, whatever sensitive says.
func (e *Encoder) Field(dst, name, value []byte, id message.ID, sensitive bool) []byte {
	var at int
	if id != message.Other {
		name, at = id.Lower(), int(staticByID[id])
	} else {
		name = e.lower(name)
		at = int(staticByName[string(name)])
	}
	switch id {
	case message.Authorization, message.ProxyAuthorization, message.SetCookie:
		sensitive = true
	case message.Cookie:
		sensitive = sensitive || len(value) < shortCookie
	case message.AcceptEncoding:
		if string(value) == "gzip, deflate" {
			return append(dst, 0x80|atAcceptEncoding)
		}
	default:
	}
	if sensitive {
		return putLiteral(dst, 0x10, 4, at, name, value)
	}
	return e.repeated(dst, at, name, value, meta{id: id})
}

// repeated appends a field: by its index if it is in the table; else as text,
// and if it was seen lately, for the table.
func (e *Encoder) repeated(dst []byte, at int, name, value []byte, m meta) []byte {
	size := len(name) + len(value) + Overhead
	if size > largest || size > e.table.max {
		return putLiteral(dst, 0, 4, at, name, value)
	}
	if e.index == nil {
		e.index = new(index)
	}
	nameHash := uint32(m.id)<<8 | uint32(m.pseudo) | 1<<31
	if m.id == message.Other && m.pseudo == Regular {
		nameHash = uint32(maphash.Bytes(seed, name))
	}
	hash := uint32(maphash.Bytes(seed, value)) ^ nameHash*0x9E3779B1
	if i := e.find(hash, name, value, true); i >= 0 {
		return putInteger(dst, 0x80, 7, i)
	}
	if at == 0 {
		at = max(0, e.find(nameHash, name, nil, false))
	}
	if last := &e.index.seen[hash%seen]; *last != hash {
		*last = hash
		return putLiteral(dst, 0, 4, at, name, value)
	}
	e.table.insert(name, value, m)
	e.note(hash)
	e.note(nameHash)
	dst = putInteger(dst, 0x40, 6, at)
	if at == 0 {
		dst = putShortest(dst, name)
	}
	return putShortest(dst, value)
}

// find returns the index of the entry that has this name, and this value too if whole; -1 if there is none.
func (e *Encoder) find(hash uint32, name, value []byte, whole bool) int {
	for i := range uint32(probes) {
		s := e.index.slots[(hash+i)%slots]
		if s.number == 0 {
			return -1
		}
		number := s.number - 1
		if s.hash != hash || number-e.table.first >= uint32(e.table.len()) {
			continue
		}
		n, v := e.table.textOf(e.table.entry(number))
		if bytes.Equal(n, name) && (!whole || bytes.Equal(v, value)) {
			return staticFields + int(e.table.next-number)
		}
	}
	return -1
}

// note makes the newest entry known by hash: in the place of one that is gone,
// or else of the oldest that is near.
func (e *Encoder) note(hash uint32) {
	newest := e.table.next - 1
	victim, age := hash%slots, uint32(0)
	for i := range uint32(probes) {
		at := (hash + i) % slots
		s := e.index.slots[at]
		if s.number == 0 || s.hash == hash {
			victim = at
			break
		}
		if a := newest - (s.number - 1); a > age {
			victim, age = at, a
		}
	}
	e.index.slots[victim] = slot{hash: hash, number: newest + 1}
}

// lower returns name in lower case, valid until the next call.
func (e *Encoder) lower(name []byte) []byte {
	if !slices.ContainsFunc(name, isUpper) {
		return name
	}
	e.scratch = append(e.scratch[:0], name...)
	for i, c := range e.scratch {
		if isUpper(c) {
			e.scratch[i] = c | 0x20
		}
	}
	return e.scratch
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

// putLiteral appends a field as text.
func putLiteral(dst []byte, kind byte, prefix, at int, name, value []byte) []byte {
	dst = putInteger(dst, kind, prefix, at)
	if at == 0 {
		dst = putText(dst, name)
	}
	return putText(dst, value)
}

// putText appends a string as it is.
func putText(dst, p []byte) []byte {
	return append(putInteger(dst, 0, 7, len(p)), p...)
}

// putShortest appends a string, Huffman-encoded if that makes it shorter.
func putShortest(dst, p []byte) []byte {
	n := huffmanLength(p)
	if n >= len(p) {
		return putText(dst, p)
	}
	return putHuffman(putInteger(dst, 0x80, 7, n), p)
}

// putInteger appends v with a prefix of so many bits, after the bits of kind.
func putInteger(dst []byte, kind byte, prefix, v int) []byte {
	limit := 1<<prefix - 1
	if v < limit {
		return append(dst, kind|byte(v))
	}
	dst = append(dst, kind|byte(limit))
	for v -= limit; v >= 0x80; v >>= 7 {
		dst = append(dst, 0x80|byte(v))
	}
	return append(dst, byte(v))
}
