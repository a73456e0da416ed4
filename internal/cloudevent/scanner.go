package cloudevent

// scanner walks through text that json.Valid has accepted, which is why it looks
// for no errors and always finds what it looks for.
type scanner struct {
	text []byte
	at   int
}

// next returns the byte after white space, which stays the next one.
func (s *scanner) next() byte {
	for s.text[s.at] <= ' ' {
		s.at++
	}
	return s.text[s.at]
}

// open passes over a bracket, or returns false.
func (s *scanner) open(bracket byte) bool {
	if s.next() != bracket {
		return false
	}
	s.at++
	return true
}

// more says whether another element or member comes, and passes over the comma before it or the end.
func (s *scanner) more(end byte) bool {
	switch s.next() {
	case end:
		s.at++
		return false
	case ',':
		s.at++
		s.next()
	}
	return true
}

// colon passes over the colon between a name and its value.
func (s *scanner) colon() {
	s.next()
	s.at++
}

// value passes over a value and returns it, without white space around it.
func (s *scanner) value() []byte {
	first := s.next()
	start := s.at
	switch first {
	case '"':
		s.quoted()
	case '{', '[':
		s.nested()
	default:
		for s.at < len(s.text) && !isEnd(s.text[s.at]) {
			s.at++
		}
	}
	return s.text[start:s.at:s.at]
}

// isEnd says whether a byte ends a number or a literal.
func isEnd(c byte) bool { return c == ',' || c == ']' || c == '}' || c <= ' ' }

func (s *scanner) quoted() {
	for s.at++; s.text[s.at] != '"'; s.at++ {
		if s.text[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
}

func (s *scanner) nested() {
	for depth := 0; ; {
		switch s.text[s.at] {
		case '"':
			s.quoted()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		s.at++
		if depth == 0 {
			return
		}
	}
}
