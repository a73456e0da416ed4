package appfile

import (
	"fmt"
	"strconv"
	"strings"
)

// word is one argument of a split command.
type word struct {
	text string
	off  int // byte offset in the command
}

// splitProblem is shell syntax in a command, at a byte offset.
type splitProblem struct {
	off          int
	message, fix string
	warning      bool
}

// splitter splits a command as a POSIX shell splits a line into words: at
// blanks, minding quotes and backslashes. It is not a library because a
// reference ${…} must stay whole, blanks in it included, and because each
// piece of shell syntax gets a message with its place.
type splitter struct {
	in       string
	i        int
	word     strings.Builder
	started  bool // a word has begun, be it empty ("")
	quoted   bool // a part of the word was quoted
	off      int
	words    []word
	problems []splitProblem
}

// splitCommand returns the words of a command and what is wrong with it. No
// shell runs commands, so what only a shell could do is an error.
func splitCommand(in string) ([]word, []splitProblem) {
	s := &splitter{in: strings.TrimRight(in, " \t\n")}
	for s.i < len(s.in) && !s.fatal() {
		s.step()
	}
	s.end()
	if len(s.words) == 0 && !s.fatal() {
		s.bad(0, "the command is empty", "write the program and its arguments")
	}
	return s.words, s.problems
}

func (s *splitter) fatal() bool {
	return len(s.problems) > 0 && !s.problems[len(s.problems)-1].warning
}

func (s *splitter) bad(off int, message, fix string) {
	s.problems = append(s.problems, splitProblem{off: off, message: message, fix: fix})
}

func (s *splitter) add(text string) {
	if !s.started {
		s.started, s.off = true, s.i
	}
	s.word.WriteString(text)
}

func (s *splitter) end() {
	if s.started {
		s.words = append(s.words, word{s.word.String(), s.off})
		s.builtin()
	}
	s.word.Reset()
	s.started, s.quoted = false, false
}

// step reads the next piece of the command.
func (s *splitter) step() {
	rest := s.in[s.i:]
	switch c := rest[0]; {
	case c == ' ' || c == '\t':
		s.end()
		s.i++
	case c == '\n':
		s.newline()
	case c == '\'' || c == '"':
		s.quote(c)
	case c == '\\':
		s.backslash()
	case c == '$':
		s.dollar(rest)
	case c == '`':
		s.bad(s.i, "`…` runs a command in a shell, and no shell runs this", s.shellFix())
	case c == '#' && !s.started:
		s.bad(s.i, "# begins a comment in a shell, and no shell runs this", "move the comment out of the command, or quote the #")
	case strings.IndexByte("|&;<>()", c) >= 0:
		s.bad(s.i, fmt.Sprintf("%q is shell syntax, and no shell runs this", operator(rest)), s.operatorFix(rest))
	case c == '~' && !s.started && (len(rest) == 1 || rest[1] == '/' || rest[1] == ' '):
		s.bad(s.i, "~ is the home directory only to a shell, and no shell runs this", "write ${env.HOME}")
	case c == '*' || c == '?' || c == '[':
		s.glob(c)
	case c == '{' && strings.Contains(braces(rest), ","):
		s.bad(s.i, quote(braces(rest))+" is several words only to a shell, and no shell runs this", "write the words out, or quote it to pass it as it is")
	default:
		s.add(rest[:1])
		s.i++
	}
}

// braces is {a,b} at the beginning of s, or "".
func braces(s string) string {
	end := strings.IndexAny(s, "} \t\n")
	if end < 0 || s[end] != '}' {
		return ""
	}
	return s[:end+1]
}

func (s *splitter) newline() {
	if s.started || len(s.words) > 0 {
		s.bad(s.i+1, "the command goes on in a new line, which would be a second command to a shell", `write command: > for one command on several lines, or ["sh", "-c", "…"] for a script`)
		return
	}
	s.i++
}

func (s *splitter) glob(c byte) {
	if s.i == 0 || s.in[s.i-1] == ' ' || strings.Contains(s.in[s.i:], "/") || c == '*' {
		s.problems = append([]splitProblem{{
			off: s.i, message: fmt.Sprintf("the program gets the %c as it is, because no shell replaces it by file names", c),
			fix: "put the word in quotes if that is meant, or write " + s.shellForm(), warning: true,
		}}, s.problems...)
	}
	s.add(string(c))
	s.i++
}

// quote reads '…' or "…"; in the latter \ escapes as in a shell.
func (s *splitter) quote(q byte) {
	open := s.i
	s.add("")
	s.quoted = true
	for s.i++; s.i < len(s.in); s.i++ {
		c := s.in[s.i]
		if c == q {
			s.i++
			return
		}
		if c == '\\' && q == '"' && s.i+1 < len(s.in) && strings.IndexByte("\"\\$`\n", s.in[s.i+1]) >= 0 {
			s.i++
			c = s.in[s.i]
			if c == '\n' {
				continue
			}
			if c == '$' {
				s.word.WriteByte('$') // $$ is a dollar when references are replaced
			}
		}
		s.word.WriteByte(c)
	}
	s.bad(open, fmt.Sprintf("the quote %c is never closed", q), fmt.Sprintf("close it, or write \\%c for the character itself", q))
}

func (s *splitter) backslash() {
	if s.i+1 >= len(s.in) {
		s.bad(s.i, "the command ends with a backslash", `write \\ for a backslash, or remove it`)
		return
	}
	next := s.in[s.i+1]
	switch next {
	case '\n':
	case '$':
		s.add("$$")
	default:
		s.add(string(next))
	}
	s.i += 2
}

func (s *splitter) dollar(rest string) {
	switch {
	case strings.HasPrefix(rest, "$$"):
		s.add("$$")
		s.i += 2
	case strings.HasPrefix(rest, "${"):
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			end = len(rest) - 1
		}
		s.add(rest[:end+1])
		s.i += end + 1
	case strings.HasPrefix(rest, "$("):
		s.bad(s.i, "$(…) runs a command in a shell, and no shell runs this", s.shellFix())
	case bareVariable(rest) != "":
		s.bad(s.i, fmt.Sprintf("$%s is a variable only to a shell, and no shell runs this", bareVariable(rest)), variableFix(bareVariable(rest)))
	default:
		s.add("$")
		s.i++
	}
}

// bareVariable is NAME of $NAME at the beginning of s, or "".
func bareVariable(s string) string {
	i := 1
	for i < len(s) && (s[i] == '_' || s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z' || i > 1 && s[i] >= '0' && s[i] <= '9') {
		i++
	}
	return s[1:i]
}

// variableFix says how to write what $name was meant to be.
func variableFix(name string) string {
	ours := map[string]string{
		"PORT": "${port}", "HOST": "${host}", "DATA_DIR": "${data_dir}",
		"DATABASE_URL": "${database.url}", "DATABASE_PATH": "${database.path}",
	}
	if ref, ok := ours[name]; ok {
		return "write " + ref
	}
	for _, attr := range serviceAttrs {
		if service, ok := strings.CutSuffix(name, "_"+strings.ToUpper(attr)); ok && service != "" && service == strings.ToUpper(service) && service != "BANYAN" {
			return fmt.Sprintf("write ${services.%s.%s} for a service, or ${env.%s} for a variable of banyan's own environment", strings.ToLower(strings.ReplaceAll(service, "_", "-")), attr, name)
		}
	}
	return fmt.Sprintf("write ${env.%s} for the variable of banyan's own environment, or $$%s for the characters themselves", name, name)
}

// operator is the whole operator at the beginning of s.
func operator(s string) string {
	for _, op := range []string{"&&", "||", ">>", "<<", ">&"} {
		if strings.HasPrefix(s, op) {
			return op
		}
	}
	return s[:1]
}

func (s *splitter) shellForm() string {
	line := s.in
	if len(line) > 120 || strings.Contains(line, "\n") {
		line = "…"
	}
	return `["sh", "-c", ` + strconv.Quote(line) + "]"
}

func (s *splitter) shellFix() string { return "write " + s.shellForm() }

func (s *splitter) operatorFix(rest string) string {
	first := ""
	if len(s.words) > 0 {
		first = s.words[0].text
	}
	switch {
	case first == "cd" && strings.HasPrefix(rest, "&&"):
		return "set working_dir: " + s.words[min(1, len(s.words)-1)].text + ", or " + s.shellFix()
	case strings.HasPrefix(rest, "&") && strings.TrimSpace(rest) == "&":
		return "remove it: banyan watches the program, which must stay in the foreground"
	case rest[0] == '>' && len(s.words) > 0:
		return "banyan keeps the output already (banyan logs); else " + s.shellFix()
	case rest[0] == '<' && strings.Contains(rest, ">"):
		return "put the word in quotes, or replace the placeholder"
	}
	return s.shellFix() + ", or put it in quotes to pass it as it is"
}

// builtin looks at the first word: what only a shell knows is an error.
func (s *splitter) builtin() {
	if len(s.words) != 1 || s.quoted {
		return
	}
	w := s.words[0]
	if name, val, ok := strings.Cut(w.text, "="); ok && envName().MatchString(name) {
		s.bad(w.off, fmt.Sprintf("%s sets a variable only to a shell, and no shell runs this", w.text), fmt.Sprintf("move it to environment: {%s: %s}", name, strconv.Quote(val)))
		return
	}
	switch w.text {
	case "cd", "pushd":
		s.bad(w.off, w.text+" is a command of the shell, and no shell runs this", "set working_dir: to the directory")
		// The rest may tell more: an operator after it replaces this message.
		s.problems[len(s.problems)-1].warning = strings.Contains(s.in, "&&")
		if strings.Contains(s.in, "&&") {
			s.problems = s.problems[:len(s.problems)-1]
		}
	case ".", "..":
		if s.i >= len(s.in) {
			s.bad(w.off, w.text+" is a directory, and this must be a command", "write the command, such as go build -o ${out}/app . to build, and working_dir: for the directory")
			return
		}
		s.bad(w.off, w.text+" is a command of the shell, and no shell runs this", s.shellFix())
	case "exec", "source", "export", "eval", "alias", "set", "ulimit", "umask":
		s.bad(w.off, w.text+" is a command of the shell, and no shell runs this", s.shellFix())
	}
}
