package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/appfile"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// completeTime bounds what a shell waits for at the Tab key.
const completeTime = 300 * time.Millisecond

type completion = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective)

// completeServices offers service names for the first limit arguments; 0: for all.
func (p *program) completeServices(limit int) completion {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if limit > 0 && len(args) >= limit {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return p.names(cmd.Context(), false), cobra.ShellCompDirectiveNoFileComp
	}
}

func (p *program) completeJobs(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return p.names(cmd.Context(), true), cobra.ShellCompDirectiveNoFileComp
}

// names are those of the running app, or else of the app file; an app that is
// not up is not started for it.
func (p *program) names(ctx context.Context, jobs bool) []cobra.Completion {
	t, err := p.locate("")
	if err != nil {
		return nil
	}
	if names := namesOf(p.quickStatus(ctx, t), jobs); names != nil {
		return names
	}
	file, err := p.load(t, "", []string{"*"})
	if err != nil {
		return nil
	}
	return namesIn(file.App, jobs)
}

func (p *program) quickStatus(ctx context.Context, t target) *banyanv1.Status {
	ctx, cancel := context.WithTimeout(ctx, completeTime)
	defer cancel()
	s := dial(t.ControlSocket)
	defer s.close()
	st, _ := s.status(ctx) // nil: nobody answers
	return st
}

func namesOf(st *banyanv1.Status, jobs bool) []cobra.Completion {
	var out []cobra.Completion
	for _, s := range st.GetServices() {
		if s.GetJob() == jobs {
			out = append(out, s.GetName())
		}
	}
	return out
}

func namesIn(app *appfile.App, jobs bool) []cobra.Completion {
	var out []cobra.Completion
	if jobs {
		for name := range app.Jobs {
			out = append(out, name)
		}
		return out
	}
	for name := range app.Services {
		out = append(out, name)
	}
	return out
}
