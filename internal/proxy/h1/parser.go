package h1

import (
	"bytes"
	"cmp"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// The limits of a Parser that sets none.
const (
	DefaultMaxHead   = 32 << 10
	DefaultMaxFields = 128
)

// Limits bound a head. Zero means the default.
type Limits struct {
	MaxHead   int // bytes of the whole head, the first and the empty line included
	MaxFields int // field lines
}

// Parser reads heads, one after another. The zero value is ready. It copies what
// it reads into the Head's arena, so that the input may be overwritten at once,
// and looks at each byte of a head once however slowly the head arrives.
type Parser struct {
	Limits Limits

	pos   int // src[:pos] has been read
	seen  int // src[pos:seen] holds no line end
	at    stage
	count int // field lines
	said  said
}

// stage is what the next line of a head is.
type stage uint8

const (
	atStart  stage = iota // the first line, or one empty line before it
	atFirst               // the first line
	atFields              // a field, or the end
	atEnd
)

// firstLine reads a first line into h.
type firstLine func(line []byte, h *message.Head) error

// Request reads a request's head at the start of src into h, which is empty.
//
// n > 0: the head took n bytes, and the parser is ready for the next one. n == 0
// without error: more bytes are needed; call again with the same h and a longer
// src that starts the same. An error is an [*Error]. One empty line before the
// request line is skipped (RFC 9112, 2.2).
func (p *Parser) Request(src []byte, h *message.Head) (n int, err error) {
	if p.at == atStart && len(src) > 0 && class[src[0]]&tokenChar == 0 && src[0] != '\r' && src[0] != '\n' {
		return 0, errMethod // TLS, for one: it need not be waited for that to grow a line
	}
	n, err = p.read(src, h, requestLine)
	if n == 0 && err == nil {
		return 0, nil
	}
	if err == nil {
		err = p.said.request(h)
	}
	p.Reset()
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Response is [Parser.Request] for a response; method is its request's (the
// answers to HEAD and CONNECT have no body). A 1xx is a head of its own.
func (p *Parser) Response(src, method []byte, h *message.Head) (n int, err error) {
	if p.at == atStart {
		p.at = atFirst
	}
	n, err = p.read(src, h, statusLine)
	if n == 0 && err == nil {
		return 0, nil
	}
	if err == nil {
		err = p.said.response(h, method)
	}
	p.Reset()
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Reset forgets a head that was begun.
func (p *Parser) Reset() { *p = Parser{Limits: p.Limits} }

// read reads the lines of src that have not been read yet.
func (p *Parser) read(src []byte, h *message.Head, first firstLine) (n int, err error) {
	limit := cmp.Or(p.Limits.MaxHead, DefaultMaxHead)
	window := src[:min(limit, len(src))]
	if end := p.wholeLines(window); end > p.pos {
		if err := p.lines(h.Take(window[p.pos:end]), h, first); err != nil {
			return 0, err
		}
	}
	switch {
	case p.at == atEnd:
		return p.pos, nil
	case len(src) < limit:
		p.seen = len(src)
		return 0, nil
	case p.at == atFields:
		return 0, errHeadTooLong
	default:
		return 0, errLineTooLong
	}
}

// wholeLines is the end of the head, or of the last whole line if the head does
// not end in b. Where b is little, it may be beyond the head's end.
func (p *Parser) wholeLines(b []byte) int {
	const little = 4 << 10
	if n := len(b); n > p.pos && b[n-1] == '\n' && n-p.pos <= little {
		return n // to look where the head ends costs more than to copy what follows it
	}
	start := p.pos // of a line
	for from := max(p.pos, p.seen); ; {
		i := bytes.IndexByte(b[from:], '\n')
		if i < 0 {
			return start
		}
		from += i + 1
		if from-start == 2 && b[start] == '\r' && (start > 0 || p.at != atStart) {
			return from
		}
		start = from
	}
}

// lines reads text, which has whole lines, up to the head's end.
func (p *Parser) lines(text []byte, h *message.Head, first firstLine) error {
	for len(text) > 0 && p.at != atFields {
		end := control(text, 0)
		if err := lineEnd(text, end); err != nil {
			return err
		}
		line := text[:end:end]
		text = text[end+2:]
		p.pos += end + 2
		if end == 0 && p.at == atStart {
			p.at = atFirst
			continue
		}
		p.at = atFields
		if err := first(line, h); err != nil {
			return err
		}
	}
	for limit := cmp.Or(p.Limits.MaxFields, DefaultMaxFields); len(text) > 0; {
		if text[0] == '\r' && text[1] == '\n' {
			p.at = atEnd
			p.pos += 2
			return nil
		}
		name, value, n, err := fieldLine(text)
		if err != nil {
			return err
		}
		text = text[n:]
		p.pos += n
		if p.count++; p.count > limit {
			return errManyFields
		}
		switch id := message.Identify(name); {
		case hop[id]:
			if err := p.said.take(h, id, value); err != nil {
				return err
			}
		case id == message.Other && disguised(name):
			return errDisguised
		default:
			h.Fields = append(h.Fields, message.Field{Name: name, Value: value, ID: id})
		}
	}
	return nil
}

// fieldLine reads a field; n is its length with the line's end. text has whole lines.
func fieldLine(text []byte) (name, value []byte, n int, err error) {
	i := 0
	for i < len(text) && class[text[i]]&tokenChar != 0 {
		i++
	}
	if i == 0 || text[i] != ':' {
		return nil, nil, 0, noField(text, i)
	}
	name = text[:i:i]
	i++
	for isSpace(text[i]) {
		i++
	}
	start := i
	i = control(text, i)
	if err := lineEnd(text, i); err != nil {
		return nil, nil, 0, err
	}
	n = i + 2
	for i > start && isSpace(text[i-1]) {
		i--
	}
	return name, text[start:i:i], n, nil
}

// lineEnd reports what is wrong if text[i], a control character, does not start
// a line's end.
func lineEnd(text []byte, i int) error {
	switch {
	case text[i] == '\r' && text[i+1] == '\n':
		return nil
	case text[i] == '\r':
		return errBareCR
	case text[i] == '\n':
		return errBareLF
	default:
		return errControl
	}
}

// noField tells why a line is no field: text[i] is where its name ends, and no colon.
func noField(text []byte, i int) error {
	switch c := text[i]; {
	case i == 0 && isSpace(c):
		return errFold
	case i == 0 && c == ':':
		return errNoName
	case c == '\r' && text[i+1] == '\n':
		return errNoColon
	case isControl(c):
		return lineEnd(text, i)
	case isSpace(c):
		return errNameSpace
	default:
		return errName
	}
}
