package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/cli/view"
)

type validateOptions struct {
	path, env string
	profiles  []string
	json      bool
}

func (p *program) validateCommand() *cobra.Command {
	var o validateOptions
	cmd := &cobra.Command{
		Use:   "validate [PATH]",
		Short: "Check the app file and show every mistake with its fix",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.path = parsePath(args)
			return p.validate(o)
		},
	}
	cmd.Flags().StringVar(&o.env, "env", "", "overlay `ENV`: banyan.ENV.yaml beside the app file")
	cmd.Flags().StringSliceVar(&o.profiles, "profile", []string{"*"}, "check with these profiles")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the result as JSON")
	return cmd
}

func (p *program) validate(o validateOptions) error {
	t, err := p.locateFile(o.path)
	if err != nil {
		return err
	}
	file, err := p.load(t, o.env, o.profiles)
	if o.json {
		return p.validateJSON(t, file, err)
	}
	if err != nil {
		return p.showProblems(t, err)
	}
	for _, w := range file.Warnings {
		fmt.Fprintln(p.err, view.Yellow.Paint("warning: ", p.color)+w.String())
	}
	fmt.Fprintf(p.out, "%s is valid: %s\n", t.File, contents(file.App))
	return nil
}

// contents is "9 services, 2 jobs, 7 routes".
func contents(app *appfile.App) string {
	parts := []string{plural(len(app.Services), "service")}
	if len(app.Jobs) > 0 {
		parts = append(parts, plural(len(app.Jobs), "job"))
	}
	if app.Gateway != nil {
		parts = append(parts, plural(len(app.Gateway.Routes), "route"))
	}
	if len(app.Sagas) > 0 {
		parts = append(parts, plural(len(app.Sagas), "saga"))
	}
	return strings.Join(parts, ", ")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// problemText renders the mistakes in an app file with their excerpts; empty
// where err is of another kind.
func (p *program) problemText(t target, err error) string {
	problems, ok := errors.AsType[appfile.Problems](err)
	if !ok {
		return ""
	}
	return problems.Render(nil) + fmt.Sprintf("banyan: %s has %s\n", t.File, plural(len(problems), "problem"))
}

// validation is what `banyan validate --json` prints; its fields are stable.
type validation struct {
	File     string        `json:"file"`
	Valid    bool          `json:"valid"`
	Problems []problemJSON `json:"problems"`
	Warnings []problemJSON `json:"warnings"`
}

type problemJSON struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"`
}

func (p *program) validateJSON(t target, file *appfile.File, err error) error {
	v := validation{File: t.File, Valid: err == nil, Problems: []problemJSON{}, Warnings: []problemJSON{}}
	if err != nil {
		problems, ok := errors.AsType[appfile.Problems](err)
		if !ok {
			return invalidFile(err)
		}
		v.Problems = problemsJSON(problems)
	} else {
		v.Warnings = problemsJSON(file.Warnings)
	}
	enc := json.NewEncoder(p.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	if !v.Valid {
		return exit(exitUsage)
	}
	return nil
}

func problemsJSON(problems []appfile.Problem) []problemJSON {
	out := make([]problemJSON, len(problems))
	for i, pr := range problems {
		out[i] = problemJSON(pr)
	}
	return out
}
