package metrics

import (
	"errors"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/banyanrun/banyan/internal/fault"
)

var promqlParser = parser.NewParser(parser.Options{})

// SyntaxError says where an expression is no PromQL.
type SyntaxError struct {
	// Line and Column count from 1, the column in bytes.
	Line, Column int
	// Start and End are byte offsets.
	Start, End int
	Message    string
}

func (e *SyntaxError) Error() string { return e.Message }

// Parse finds mistakes in an expression. Its error is a fault, Invalid, with a
// *SyntaxError in its chain.
func Parse(expr string) error {
	_, err := promqlParser.ParseExpr(expr)
	return syntax(expr, err)
}

// Format is an expression on lines of a sensible length.
func Format(expr string) (string, error) {
	e, err := promqlParser.ParseExpr(expr)
	if err != nil {
		return "", syntax(expr, err)
	}
	return e.Pretty(0), nil
}

// Names are the metrics that an expression selects by name, sorted.
func Names(expr string) ([]string, error) {
	e, err := promqlParser.ParseExpr(expr)
	if err != nil {
		return nil, syntax(expr, err)
	}
	return namesIn(e), nil
}

func syntax(expr string, err error) error {
	if err == nil {
		return nil
	}
	s := &SyntaxError{Line: 1, Column: 1, Message: err.Error()}
	var first *parser.ParseErr
	if several, ok := errors.AsType[parser.ParseErrors](err); ok && len(several) > 0 {
		first = &several[0]
	} else if one, ok := errors.AsType[*parser.ParseErr](err); ok {
		first = one
	}
	if first != nil {
		s.Message = first.Err.Error()
		s.Start = min(max(0, int(first.PositionRange.Start)), len(expr))
		s.End = min(max(s.Start, int(first.PositionRange.End)), len(expr))
		before := expr[:s.Start]
		s.Line = 1 + strings.Count(before, "\n")
		s.Column = s.Start - strings.LastIndexByte(before, '\n')
	}
	return fault.New(fault.Invalid, "the expression is no PromQL: %d:%d: %w", s.Line, s.Column, s)
}

// selectors are series selectors, such as up{service="cart"}.
func selectors(texts []string) ([][]*labels.Matcher, error) {
	out := make([][]*labels.Matcher, len(texts))
	for i, text := range texts {
		m, err := promqlParser.ParseMetricSelector(text)
		if err != nil {
			return nil, syntax(text, err)
		}
		if !slices.ContainsFunc(m, func(m *labels.Matcher) bool { return !m.Matches("") }) {
			return nil, unfit(text, errors.New("match[] must contain at least one non-empty matcher"))
		}
		out[i] = m
	}
	return out, nil
}
