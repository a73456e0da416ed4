package filter

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// literal is a value as it was written.
type literal struct {
	text   string
	quoted bool // it stands for itself: no *, no number
	// expression: it is a regular expression, of which fold leaves the case open.
	expression, fold bool
}

// value reads what stands behind an operator, and makes the term ready.
func (p *parser) value(t *term, opAt int) error {
	p.skip()
	at := p.pos
	var err error
	switch {
	case p.quoteBegins():
		t.value.quoted = true
		t.value.text, err = p.quoted()
	case !p.done() && strings.IndexByte(operatorBytes, p.peek()) >= 0:
		return p.wrong(at, "put it in quotes: "+quote(firstWord(p.text[at:])), "the value @ begins with “%c”", p.peek())
	case p.peek() == '/' && (t.op == contains || t.op == lacks):
		t.value.expression = true
		t.value.text, t.value.fold, err = p.expression()
	default:
		if t.value.text = p.until(""); t.value.text == "" {
			do := "write one"
			if slices.Contains(allowed(t.field), contains) {
				do += `, or "" for an empty text`
			}
			return p.wrong(opAt, do, "“%s” @ has no value behind it", t.op)
		}
	}
	if err != nil {
		return err
	}
	return p.compile(t, at)
}

// compile makes a term ready to look at records. Its value stands at a place.
func (p *parser) compile(t *term, at int) error {
	if t.value.text == "*" && !t.value.quoted && !t.value.expression && (t.op == equal || t.op == unequal) {
		t.any = true
		return nil
	}
	switch t.field {
	case duration:
		return p.duration(t, at)
	case severity:
		return p.word(t, at, severityWords)
	case kind:
		return p.word(t, at, kindWords)
	case status:
		return p.word(t, at, statusWords)
	case trace, span, parent:
		return p.id(t, at)
	default:
		return p.pattern(t, at)
	}
}

func (p *parser) duration(t *term, at int) error {
	d, ok := parseDuration(t.value.text)
	if !ok {
		do := "use 5s, 300ms"
		if _, ok := parseNumber(t.value.text); ok {
			do = fmt.Sprintf("say of what: %sms, %ss", t.value.text, t.value.text)
		}
		return p.wrong(at, do, "unknown duration “%s” @", excerpt(t.value.text))
	}
	t.size = d
	return nil
}

// parseDuration reads 200ms, 1.5s, 1m30s, 2d.
func parseDuration(text string) (int64, bool) {
	if text == "" || strings.IndexByte("+-.0123456789", text[0]) < 0 {
		return 0, false // what follows makes an error, which takes its time
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, ok := parseNumber(days)
		n *= float64(24 * time.Hour)
		return int64(n), ok && math.Abs(n) < 1<<62
	}
	d, err := time.ParseDuration(text)
	return int64(d), err == nil && text[len(text)-1] > '9' // 0 has no unit
}

// parseNumber reads a decimal number: neither Inf nor a hexadecimal one.
func parseNumber(text string) (float64, bool) {
	if text == "" || strings.Trim(text, "+-.0123456789eE") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil
}

// word reads one of a field's words, which stand for numbers from 0 on.
func (p *parser) word(t *term, at int, words []string) error {
	word := strings.ToLower(t.value.text)
	if word == "warning" && t.field == severity {
		word = "warn"
	}
	n := slices.Index(words, word)
	if n < 0 {
		do := "use " + strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
		return p.wrong(at, do, "unknown %s “%s” @", nameOf(p.of, t.field), excerpt(t.value.text))
	}
	t.value = literal{text: word}
	if t.size = int64(n); t.field == severity {
		t.size = int64(signal.SeverityTrace) + 4*int64(n)
	}
	return nil
}

func (p *parser) id(t *term, at int) error {
	var ok bool
	if t.field == trace {
		if t.trace, ok = signal.ParseTraceID(t.value.text); ok {
			t.value = literal{text: t.trace.String()}
		}
	} else if t.id, ok = signal.ParseSpanID(t.value.text); ok {
		t.value = literal{text: t.id.String()}
	}
	if !ok {
		digits := 16
		if t.field == trace {
			digits = 32
		}
		return p.wrong(at, fmt.Sprintf("it has %d hexadecimal digits; * stands for any", digits), "“%s” @ is no id of a %s", excerpt(t.value.text), idOf(t.field))
	}
	return nil
}

func idOf(f field) string {
	if f == trace {
		return "trace"
	}
	return "span"
}

// pattern makes a term of a text, or of an attribute, ready.
func (p *parser) pattern(t *term, at int) error {
	v := &t.value
	switch {
	case v.expression:
		source := v.text
		if v.fold {
			source = "(?i)" + source
		}
		re, err := regexp.Compile(source)
		if err != nil {
			return p.wrong(at, "its syntax is that of RE2; "+reason(err), "“/%s/” @ is no regular expression", excerpt(v.text))
		}
		t.text = pattern{form: matching, re: re}
	case t.op == contains || t.op == lacks:
		t.text = newWithin(v.text)
	case v.quoted:
		t.text = pattern{text: v.text}
	default:
		t.text = newGlob(v.text)
	}
	if t.field == attribute && !v.quoted {
		t.number, t.numeric = parseNumber(v.text)
		t.size, t.timed = parseDuration(v.text)
		t.loose = t.numeric && t.text.form == exact && !plain(v.text)
	}
	return nil
}

// reason is what regexp says is wrong, without the expression.
func reason(err error) string {
	text := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	text, _, _ = strings.Cut(text, ": `")
	return text
}

// plain reports whether a number is written as [signal.Value] writes it. Then it is
// equal to what is written alike, and to nothing else.
func plain(text string) bool {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return strconv.FormatInt(n, 10) == text
	}
	f, err := strconv.ParseFloat(text, 64)
	return err == nil && string(signal.AppendNumber(nil, f)) == text
}
