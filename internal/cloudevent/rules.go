package cloudevent

import (
	"mime"
	"strings"
	"time"
	"unicode/utf8"
)

// checkName applies "Naming conventions" of the specification.
func checkName(name string) *Error {
	switch name {
	case "":
		return invalid("", "an attribute has no name")
	case data, specVersion:
		return invalid(name, "is not an attribute that can be set")
	}
	if len(name) > MaxName {
		return invalid(name[:MaxName]+"…", "the name is longer than %d bytes", MaxName)
	}
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return invalid(name, "a name has nothing but the letters a–z and the digits 0–9")
		}
	}
	return nil
}

// checkValue applies the type of an attribute; extensions are strings of any length.
func checkValue(name, value string) *Error {
	if err := checkString(name, value); err != nil {
		return err
	}
	switch name {
	case ID, Source, Type, Subject, Time, DataContentType, DataSchema:
		if value == "" {
			return invalid(name, "must not be empty")
		}
	}
	switch name {
	case Source, DataSchema:
		return checkURI(name, value)
	case Time:
		// time.Parse would take more than RFC 3339 allows; this does not.
		if new(time.Time).UnmarshalText([]byte(value)) != nil {
			return invalid(name, "%.100q is no time as in 2026-01-31T12:00:00Z (RFC 3339)", value)
		}
	case DataContentType:
		return checkMediaType(value)
	}
	return nil
}

// checkString refuses what the type String must not contain: control characters
// and what Unicode calls noncharacters. Surrogates are no valid UTF-8.
func checkString(name, value string) *Error {
	if !utf8.ValidString(value) {
		return invalid(name, "is not UTF-8")
	}
	for _, r := range value {
		if r < 0x20 || r >= 0x7f && r <= 0x9f || r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe {
			return invalid(name, "the character %U is not allowed", r)
		}
	}
	return nil
}

// checkURI wants the characters of RFC 3986; of a DataSchema also a scheme.
func checkURI(name, value string) *Error {
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '%':
			if i+2 >= len(value) || unhex(value[i+1]) < 0 || unhex(value[i+2]) < 0 {
				return invalid(name, "%.100q is no URI (RFC 3986): a %% is not followed by two hexadecimal digits", value)
			}
			i += 2
		case isAlnum(c) || strings.IndexByte("-._~:/?#[]@!$&'()*+,;=", c) >= 0:
		default:
			r, _ := utf8.DecodeRuneInString(value[i:])
			return invalid(name, "%.100q is no URI (RFC 3986): the character %q has to be percent-encoded", value, r)
		}
	}
	if name == DataSchema && !hasScheme(value) {
		return invalid(name, "%.100q is no absolute URI (RFC 3986)", value)
	}
	return nil
}

func hasScheme(uri string) bool {
	scheme, rest, found := strings.Cut(uri, ":")
	if !found || scheme == "" || rest == "" || !isAlnum(scheme[0]) || scheme[0] <= '9' {
		return false
	}
	for i := range len(scheme) {
		if c := scheme[i]; !isAlnum(c) && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

func checkMediaType(value string) *Error {
	if value == jsonType {
		return nil
	}
	kind, _, err := mime.ParseMediaType(value)
	if _, sub, found := strings.Cut(kind, "/"); err != nil || !found || sub == "" || kind[0] == '/' {
		return invalid(DataContentType, "%.100q is no media type as in application/json (RFC 2046)", value)
	}
	return nil
}

// isJSON says whether a media type declares JSON: */json or */*+json, whatever its parameters.
func isJSON(mediaType string) bool {
	kind, _, _ := strings.Cut(mediaType, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	return strings.HasSuffix(kind, "/json") || strings.HasSuffix(kind, "+json")
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
