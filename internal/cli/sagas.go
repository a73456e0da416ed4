package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/internal/cli/view"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// sagaStates are what --state takes, as the API for services writes them.
var sagaStates = []string{"running", "compensating", "needs_attention", "succeeded", "compensated"}

func (p *program) sagasCommand() *cobra.Command {
	req := &banyanv1.ListSagasRequest{}
	var state string
	var asJSON bool
	var limit int
	cmd := &cobra.Command{
		Use:   "sagas",
		Short: "Show the app's sagas: those that run, that need attention, and that ended",
		Long: `Show the app's sagas, the newest first, and why each is as it is. What happened in
one of them is shown by ` + "`banyan saga show`" + `.`,
		Example: "  banyan sagas --state needs_attention\n  banyan sagas --name checkout --limit 1000 --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if req.State, err = sagaState(state); err == nil && limit < 1 {
				err = fmt.Errorf("--limit %d is no number of sagas", limit)
			}
			if err != nil {
				return usageError{err, cmd.CommandPath()}
			}
			return p.sagas(cmd.Context(), req, limit, asJSON)
		},
	}
	f := cmd.Flags()
	f.StringVar(&state, "state", "", "only those in this `STATE`: "+strings.Join(sagaStates, ", "))
	f.StringVar(&req.Name, "name", "", "only those of the saga with this `NAME` in the app file")
	f.IntVar(&limit, "limit", 50, "`HOW MANY` to show at most")
	f.BoolVar(&asJSON, "json", false, "print each as a JSON object on a line")
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(sagaStates, cobra.ShellCompDirectiveNoFileComp)) // it fails for flags that are not there
	_ = cmd.RegisterFlagCompletionFunc("name", p.completeSagaName)
	return cmd
}

// sagaState reads a state as people write it.
func sagaState(name string) (banyanv1.SagaState, error) {
	name = strings.NewReplacer("-", "_", " ", "_").Replace(name)
	switch {
	case name == "":
		return 0, nil
	case !slices.Contains(sagaStates, name):
		return 0, fmt.Errorf("--state %q is none of %s", name, strings.Join(sagaStates, ", "))
	}
	return banyanv1.SagaState(banyanv1.SagaState_value["SAGA_STATE_"+strings.ToUpper(name)]), nil
}

// sagasPage is how many are asked for at a time.
const sagasPage = 500

func (p *program) sagas(ctx context.Context, req *banyanv1.ListSagasRequest, limit int, asJSON bool) error {
	s, _, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	var all []*banyanv1.Saga
	more := true
	for more && limit > 0 {
		req.Limit = int32(min(limit, sagasPage))
		page, err := s.ListSagas(ctx, req)
		if err != nil {
			return err
		}
		limit -= len(page.GetSagas())
		req.Cursor = page.GetCursor()
		more = req.GetCursor() != ""
		if !asJSON {
			all = append(all, page.GetSagas()...)
			continue
		}
		for _, one := range page.GetSagas() {
			fmt.Fprintln(p.out, view.SagaJSON(one))
		}
	}
	switch {
	case asJSON:
		return nil
	case len(all) == 0:
		fmt.Fprintln(p.out, noSagas(req))
		return nil
	}
	for _, l := range view.Sagas(all, view.SagaOptions{Width: p.width(), Color: p.color, Now: p.now()}) {
		fmt.Fprintln(p.out, l)
	}
	if more {
		fmt.Fprintf(p.err, "banyan: there are more; --limit says how many are shown\n")
	}
	return nil
}

func noSagas(req *banyanv1.ListSagasRequest) string {
	text := "there are no sagas"
	if req.GetName() != "" {
		text += " named " + req.GetName()
	}
	if req.GetState() != 0 {
		text += " that are " + view.SagaStateName(req.GetState())
	}
	if text == "there are no sagas" {
		text += "; a service starts one with POST $BANYAN_URL/v1/sagas/NAME, a person with `banyan saga start NAME`"
	}
	return text
}

// completeSagaName offers the sagas of the app file.
func (p *program) completeSagaName(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	t, err := p.locate("")
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	file, err := p.load(t, "", []string{"*"})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []cobra.Completion
	for name := range file.App.Sagas {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, cobra.ShellCompDirectiveNoFileComp
}
