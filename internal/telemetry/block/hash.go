package block

import (
	"strconv"

	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// FNV-1a of 64 bits, whose constants these are, ended by the finalizer of
// MurmurHash3: http://www.isthe.com/chongo/tech/comp/fnv,
// https://github.com/aappleby/smhasher/wiki/MurmurHash3.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func fnv[T string | []byte](h uint64, s T) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * fnvPrime
	}
	return h
}

func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

func hashOf[T string | []byte](s T) uint64 { return mix(fnv(fnvOffset, s)) }

// hashField is that of the field, a zero byte, and the value as it is written.
func hashField(field, value string) uint64 {
	return mix(fnv((fnv(fnvOffset, field))*fnvPrime, value))
}

// hashAttr is hashField without making the value's text.
func hashAttr(prefix uint64, v signal.Value) uint64 {
	var scratch [32]byte
	switch v.Type {
	case signal.Int:
		return mix(fnv(prefix, strconv.AppendInt(scratch[:0], int64(v.Num), 10)))
	case signal.Double, signal.Bool:
		return mix(fnv(prefix, v.String()))
	case signal.String, signal.JSON:
	}
	return mix(fnv(prefix, v.Text))
}

// prefixOf is what hashAttr goes on from.
func prefixOf(field string) uint64 { return fnv(fnvOffset, field) * fnvPrime }

// hashed reports whether a field's values are in the bloom filter. An attribute that is
// called like a field, if only of the other kind, is not.
func (k Kind) hashed(field string) bool {
	switch field {
	case match.FieldName:
		return k == Spans
	case match.FieldInstance, match.FieldRevision, match.FieldScope:
		return true
	}
	return !match.OfSpans(field) && !match.OfLogs(field)
}

// field reports whether a name is a field of records of the kind, and no attribute.
func (k Kind) field(name string) bool {
	if k == Spans {
		return match.OfSpans(name)
	}
	return match.OfLogs(name)
}
