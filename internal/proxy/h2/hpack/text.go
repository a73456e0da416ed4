package hpack

// Classes of octets.
const (
	inName  = 1 << iota // a field's name: a token in lower case (RFC 9113 section 8.2.1)
	inValue             // a field's value: no control characters but HTAB
)

var class = func() (t [256]uint8) {
	for c := range t {
		if c >= 0x20 && c != 0x7f || c == '\t' {
			t[c] |= inValue
		}
	}
	for _, c := range "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz" {
		t[c] |= inName
	}
	return t
}()

func validName(name []byte) bool {
	for _, c := range name {
		if class[c]&inName == 0 {
			return false
		}
	}
	return len(name) > 0
}

func validValue(value []byte) bool {
	n := len(value)
	if n == 0 {
		return true
	}
	for _, c := range value {
		if class[c]&inValue == 0 {
			return false
		}
	}
	return value[0] > ' ' && value[n-1] > ' '
}
