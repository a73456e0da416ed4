package appfile

import "testing"

// TestLineEnds: positions are right with every kind of line end, and the file
// may begin with a byte order mark. These are not in testdata, where tools
// would change them.
func TestLineEnds(t *testing.T) {
	for _, text := range []string{
		"services:\r\n  a:\r\n    comand: ./a\r\n",
		"\ufeffservices:\n  a:\n    comand: ./a",
	} {
		_, err := Parse("banyan.yaml", []byte(text), Options{})
		want := `banyan.yaml:3:5: a service has no key "comand"; did you mean command?`
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %v", text, err)
		}
	}
	_, err := Parse("banyan.yaml", []byte("services:\n  a: {owner: M\xfcller}\n"), Options{})
	if want := "banyan.yaml:2:1: this line is not UTF-8 text; save the file as UTF-8"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}
