package message

import (
	"net/http"
	"slices"
	"strconv"
)

// Body says how long a message's body is.
type Body uint8

// The kinds of bodies.
const (
	None       Body = iota // there is no body
	Sized                  // Head.Length bytes
	Streamed               // framed, its length not known before its end (chunked; HTTP/2 without content-length)
	UntilClose             // an HTTP/1 response that ends with its connection
)

// Head is a request's or a response's head. The zero value is ready for use.
type Head struct {
	// Method, Scheme ("http", "https"), Authority and Path are a request's. Path
	// is the origin form with the query, as sent ("/a?b"), or "*". A CONNECT has
	// an Authority alone; an extended one (RFC 8441) has all, and an Upgrade.
	// Scheme is empty where HTTP/1 does not tell.
	Method, Scheme, Authority, Path []byte

	// Status is a response's, 100 to 999; 0: this is a request.
	Status int

	// Major and Minor are the version that carried the message.
	Major, Minor uint8

	// Fields are the end-to-end fields in their order.
	Fields []Field

	// Body and Length (of a Sized one, ≥ 0) frame what follows.
	Body   Body
	Length int64

	// Close: the sender closes its HTTP/1 connection after this exchange.
	Close bool
	// Expect: the request waits for 100 Continue before its body.
	Expect bool
	// TE: the request takes trailers.
	TE bool
	// Upgrade is the protocol to switch to; empty: none.
	Upgrade []byte
	// Trailer is the list of announced trailers, as sent; empty: none.
	Trailer []byte

	arena []byte
}

// Field is one header line. Name is as the sender spelt it (lower case on
// HTTP/2); ID tells the known ones without comparing. Removed fields stay in
// the list with ID Removed and are not written.
type Field struct {
	Name, Value []byte
	ID          ID
	// Never: it must not be put into a compression table on the way (RFC 7541, 7.1.3).
	Never bool
}

// Reset empties the head and keeps its memory, unless it grew large.
func (h *Head) Reset() {
	const keepArena, keepFields = 16 << 10, 128
	arena, fields := h.arena[:0], h.Fields[:0]
	if cap(arena) > keepArena {
		arena = nil
	}
	if cap(fields) > keepFields {
		fields = nil
	}
	*h = Head{arena: arena, Fields: fields}
}

// Take copies p into the head's arena.
func (h *Head) Take(p []byte) []byte {
	n := len(h.arena)
	h.arena = append(h.arena, p...)
	return h.arena[n:len(h.arena):len(h.arena)]
}

// TakeString is Take for a string.
func (h *Head) TakeString(s string) []byte {
	n := len(h.arena)
	h.arena = append(h.arena, s...)
	return h.arena[n:len(h.arena):len(h.arena)]
}

// Space returns n bytes of the head's arena for the caller to fill.
func (h *Head) Space(n int) []byte {
	at := len(h.arena)
	h.arena = slices.Grow(h.arena, n)[:at+n]
	return h.arena[at : at+n : at+n]
}

// Get returns the first value of a known field; nil if there is none.
func (h *Head) Get(id ID) []byte {
	for i := range h.Fields {
		if h.Fields[i].ID == id {
			return h.Fields[i].Value
		}
	}
	return nil
}

// Has reports whether there is a field id.
func (h *Head) Has(id ID) bool { return h.Index(id) >= 0 }

// Index is the place of the first field id in Fields; -1 if there is none.
func (h *Head) Index(id ID) int {
	for i := range h.Fields {
		if h.Fields[i].ID == id {
			return i
		}
	}
	return -1
}

// Count is how many fields id there are.
func (h *Head) Count(id ID) (n int) {
	for i := range h.Fields {
		if h.Fields[i].ID == id {
			n++
		}
	}
	return n
}

// Lookup returns the first value of the field name, in any case.
func (h *Head) Lookup(name string) ([]byte, bool) {
	for i := range h.Fields {
		if f := &h.Fields[i]; f.ID != Removed && EqualFold(f.Name, name) {
			return f.Value, true
		}
	}
	return nil, false
}

// Add appends a field that is known; value is not copied.
func (h *Head) Add(id ID, value []byte) {
	h.Fields = append(h.Fields, Field{Name: names[id], Value: value, ID: id})
}

// AddNamed appends a field; neither is copied. Name must be a token.
func (h *Head) AddNamed(name, value []byte) {
	h.Fields = append(h.Fields, Field{Name: name, Value: value, ID: Identify(name)})
}

// Set makes value the only value of the field id; it is not copied.
func (h *Head) Set(id ID, value []byte) {
	found := false
	for i := range h.Fields {
		if h.Fields[i].ID != id {
			continue
		}
		if found {
			h.Fields[i].ID = Removed
			continue
		}
		h.Fields[i].Value, found = value, true
	}
	if !found {
		h.Add(id, value)
	}
}

// Remove takes all fields id out.
func (h *Head) Remove(id ID) {
	for i := range h.Fields {
		if h.Fields[i].ID == id {
			h.Fields[i].ID = Removed
		}
	}
}

// RemoveNamed takes all fields of that name out, in any case.
func (h *Head) RemoveNamed(name string) {
	for i := range h.Fields {
		if EqualFold(h.Fields[i].Name, name) {
			h.Fields[i].ID = Removed
		}
	}
}

// CopyTo makes to the same message with text of its own.
func (h *Head) CopyTo(to *Head) {
	to.Reset()
	arena, fields := to.arena, to.Fields
	*to = *h
	to.arena, to.Fields = arena, fields
	to.Method, to.Scheme = to.Take(h.Method), to.Take(h.Scheme)
	to.Authority, to.Path = to.Take(h.Authority), to.Take(h.Path)
	to.Upgrade, to.Trailer = to.Take(h.Upgrade), to.Take(h.Trailer)
	for _, f := range h.Fields {
		if f.ID == Removed {
			continue
		}
		if f.ID == Other {
			f.Name = to.Take(f.Name)
		}
		f.Value = to.Take(f.Value)
		to.Fields = append(to.Fields, f)
	}
}

// Header is the fields as net/http has them, with text of its own.
func (h *Head) Header() http.Header {
	m := make(http.Header, len(h.Fields))
	for _, f := range h.Fields {
		if f.ID != Removed {
			m.Add(string(f.Name), string(f.Value))
		}
	}
	return m
}

// SetInt is Set for a number, ≥ 0.
func (h *Head) SetInt(id ID, n int64) {
	at := len(h.arena)
	h.arena = strconv.AppendInt(h.arena, n, 10)
	h.Set(id, h.arena[at:len(h.arena):len(h.arena)])
}
