package appfile

import (
	"maps"
	"testing"
)

func TestParseEnvFile(t *testing.T) {
	got, err := ParseEnvFile(".env", []byte("\ufeff# a comment\n\nA=1\r\nexport B=two words  # comment\nC='single $X \\n'\nD=\"double \\\"q\\\" \\n \\$\"\nE=\nF = spaced\nG=a#b\nH=\"two\nlines\" # c\nI=#value\nJ= # empty\nA=last\nK=a=b\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"A": "last", "B": "two words", "C": `single $X \n`, "D": "double \"q\" \n $", "E": "", "F": "spaced", "G": "a#b",
		"H": "two\nlines", "I": "#value", "J": "", "K": "a=b",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestParseEnvFileErrors(t *testing.T) {
	_, err := ParseEnvFile("a.env", []byte("GOOD=1\nBAD\nA: 1\n  my-var=1\nB='x' y\n=x\nC=\"open\nD=1\n"))
	want := `a.env:2:1: "BAD" is not of the form NAME=value; write BAD=value, or BAD= for an empty one
a.env:3:1: "A: 1" is not of the form NAME=value; write A=1
a.env:4:3: "my-var" cannot be the name of a variable; write my_var: letters, digits and _ only
a.env:5:7: there is text after the closing quote; put the whole value in quotes
a.env:6:1: "" cannot be the name of a variable; use letters, digits and _, a letter or _ first
a.env:7:3: the quote " is never closed; end the value with "`
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}
