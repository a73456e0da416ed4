package cli

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// What cobra finds by itself and has no types for.
var (
	countWrong  = regexp.MustCompile(`^accepts .*received (\d+)$`)
	flagMissing = regexp.MustCompile(`^required flag\(s\) (.*) not set$`)
	noneGiven   = regexp.MustCompile(`^at least one of the flags in the group \[(.*)\] is required$`)
	groupWrong  = regexp.MustCompile(`^if any flags in the group \[.*\] are set none of the others can be; \[(.*)\] were all set$`)
)

// usage makes err a mistake in usage, in our words, if it is one that cobra found.
func usage(cmd *cobra.Command, err error) error {
	text := err.Error()
	switch {
	case countWrong.MatchString(text):
		var received int
		_, _ = fmt.Sscan(countWrong.FindStringSubmatch(text)[1], &received) // digits
		err = wrongCount(operands(cmd), received)
	case flagMissing.MatchString(text):
		names := strings.Split(strings.ReplaceAll(flagMissing.FindStringSubmatch(text)[1], `"`, ""), ", ")
		err = fmt.Errorf("--%s %s missing", strings.Join(names, " and --"), verb(len(names)))
	case noneGiven.MatchString(text):
		err = fmt.Errorf("--%s is missing", strings.Join(strings.Fields(noneGiven.FindStringSubmatch(text)[1]), " or --"))
	case groupWrong.MatchString(text):
		err = fmt.Errorf("--%s exclude each other", strings.Join(strings.Fields(groupWrong.FindStringSubmatch(text)[1]), " and --"))
	case strings.HasPrefix(text, "unknown command"):
		if !cmd.HasSubCommands() {
			err = errors.New("it takes no arguments")
		}
	default:
		return err
	}
	return usageError{err, cmd.CommandPath()}
}

// operands are the words that a command takes, as its help names them.
func operands(cmd *cobra.Command) []string {
	words := strings.Fields(cmd.Use)[1:]
	for i, word := range words {
		if strings.HasPrefix(word, "-") {
			return words[:i]
		}
	}
	return words
}

func wrongCount(operands []string, received int) error {
	if received >= len(operands) {
		return fmt.Errorf("it takes %s, and got %d arguments", strings.Join(operands, " "), received)
	}
	missing := operands[received:]
	return fmt.Errorf("%s %s missing", strings.Join(missing, " and "), verb(len(missing)))
}

func verb(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
