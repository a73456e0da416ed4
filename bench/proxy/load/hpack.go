//go:build linux

package load

// field is a header field that is sent again and again.
type field struct {
	name, value string
	static      byte // index in HPACK's static table of name and value; 0: none
	staticName  byte // index there of the name alone; 0: none
}

// encoder writes header blocks (RFC 7541) as clients and servers of repute do:
// a field that comes again is an index into the dynamic table. The few fields of
// a load never fill the table.
type encoder struct {
	known  map[string]int // by name and value: how many fields were put in before it
	off    bool           // the peer wants no dynamic table
	resize bool           // and has not been told that there is none
}

// limit takes note of the peer's SETTINGS_HEADER_TABLE_SIZE.
func (e *encoder) limit(size uint32) {
	if size < 4096 && !e.off {
		e.off, e.resize = true, true
	}
}

func (e *encoder) append(b []byte, fields []field) []byte {
	if e.resize {
		b, e.resize = append(b, 0x20), false
	}
	for i := range fields {
		b = e.field(b, &fields[i])
	}
	return b
}

func (e *encoder) field(b []byte, f *field) []byte {
	if f.static > 0 {
		return append(b, 0x80|f.static)
	}
	literal := byte(0x40) // with incremental indexing
	if e.off {
		literal = 0
	} else {
		if before, ok := e.known[f.name+f.value]; ok {
			const oldestStatic = 61
			return append(b, 0x80|byte(oldestStatic+len(e.known)-before))
		}
		if e.known == nil {
			e.known = map[string]int{}
		}
		e.known[f.name+f.value] = len(e.known)
	}
	// A name's index has 6 bits with indexing, 4 without, where 15 and more go on
	// in the next byte; so have 7 bits of a length.
	switch {
	case f.staticName == 0:
		b = append(append(b, literal, byte(len(f.name))), f.name...)
	case e.off && f.staticName >= 15:
		b = append(b, 15, f.staticName-15)
	default:
		b = append(b, literal|f.staticName)
	}
	return append(append(b, byte(len(f.value))), f.value...)
}
