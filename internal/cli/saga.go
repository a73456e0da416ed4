package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/internal/cli/view"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

func (p *program) sagaCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "saga",
		Short: "Start a saga, show what happened in one, and steer it",
		Long: `Start a saga, show what happened in one, and steer it. What sagas there are, and
how they are, is shown by ` + "`banyan sagas`" + `.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.sagaShowCommand(), p.sagaStartCommand())
	for _, s := range []steer{
		{
			name: "retry", action: banyanv1.SagaAction_SAGA_ACTION_RETRY, step: true, short: "Try again what needs attention",
			long: "Try again what needs attention, when the cause is gone. Without --step: all steps\nthat need it.",
		},
		{
			name: "skip", action: banyanv1.SagaAction_SAGA_ACTION_SKIP, step: true, short: "Take a step that needs attention for done",
			long: "Take a step that needs attention for done, or its undo for undone, once somebody has\nput things right by hand. Its output is null.",
		},
		{
			name: "compensate", action: banyanv1.SagaAction_SAGA_ACTION_COMPENSATE, short: "Undo what a saga that needs attention did",
			long: "Undo what a saga that needs attention did, in reverse order.",
		},
		{
			name: "cancel", action: banyanv1.SagaAction_SAGA_ACTION_CANCEL, reason: true, short: "Undo what a saga did that has not ended",
			long: "Undo what a saga did that has not ended, in reverse order. One that is past its\npivot cannot be cancelled.",
		},
	} {
		cmd.AddCommand(p.sagaSteerCommand(s))
	}
	return cmd
}

func (p *program) sagaShowCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show a saga: its steps, and all that happened",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, _, err := p.open(cmd.Context())
			if err != nil {
				return err
			}
			defer s.close()
			res, err := s.GetSaga(cmd.Context(), &banyanv1.GetSagaRequest{Id: args[0]})
			if err != nil {
				return err
			}
			if asJSON {
				fmt.Fprintln(p.out, view.SagaShowJSON(res))
				return nil
			}
			for _, l := range view.Saga(res, view.SagaOptions{Width: p.width(), Color: p.color, Now: p.now()}) {
				fmt.Fprintln(p.out, l)
			}
			return nil
		},
		ValidArgsFunction: p.completeSaga,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print all as one JSON object")
	return cmd
}

func (p *program) sagaStartCommand() *cobra.Command {
	var input, key string
	cmd := &cobra.Command{
		Use:   "start NAME",
		Short: "Start a saga of the app file",
		Long: `Start a saga of the app file, and say so when that is stored for good. With --key
the same saga is started once, however often the command is repeated.`,
		Example: `  banyan saga start checkout --input '{"order": "1001"}'
  banyan saga start checkout --input @order.json --key order-1001`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := p.eventData(input)
			if err != nil {
				return err
			}
			if len(text) > 0 && !json.Valid(text) {
				return usageError{errors.New("the input is not JSON"), cmd.CommandPath()}
			}
			return p.startSaga(cmd.Context(), &banyanv1.StartSagaRequest{Name: args[0], Input: text, Key: key})
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return p.completeSagaName(cmd, args, typed)
		},
	}
	f := cmd.Flags()
	f.StringVar(&input, "input", "", "the input: `JSON`, @FILE, or - for standard input (default null)")
	f.StringVar(&key, "key", "", "the `KEY` by which the saga is known if it is started again")
	return cmd
}

func (p *program) startSaga(ctx context.Context, req *banyanv1.StartSagaRequest) error {
	s, _, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	res, err := s.StartSaga(ctx, req)
	if err != nil {
		return err
	}
	if res.GetKnown() {
		fmt.Fprintf(p.out, "%s %s was started before; nothing is started again\n", req.GetName(), res.GetId())
		return nil
	}
	fmt.Fprintf(p.out, "%s %s is started\n", req.GetName(), res.GetId())
	return nil
}

// steer is a command that makes a saga go on, or back.
type steer struct {
	name, short, long string
	action            banyanv1.SagaAction
	step, reason      bool // has the flag
}

func (p *program) sagaSteerCommand(c steer) *cobra.Command {
	req := &banyanv1.SteerSagaRequest{Action: c.action}
	cmd := &cobra.Command{
		Use:   c.name + " ID",
		Short: c.short,
		Long:  c.long,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Id = args[0]
			s, _, err := p.open(cmd.Context())
			if err != nil {
				return err
			}
			defer s.close()
			res, err := s.SteerSaga(cmd.Context(), req)
			if err != nil {
				return err
			}
			fmt.Fprintf(p.out, "%s %s is %s\n", res.GetSaga().GetName(), args[0], view.SagaWord(res.GetSaga().GetState()))
			return nil
		},
		ValidArgsFunction: p.completeSaga,
	}
	if c.step {
		cmd.Flags().StringVar(&req.Step, "step", "", "the `STEP` (default the one that needs attention)")
	}
	if c.reason {
		cmd.Flags().StringVar(&req.Reason, "reason", "", "`WHY`, for those who look at it later")
	}
	return cmd
}

// completeSaga offers the newest sagas.
func (p *program) completeSaga(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	t, err := p.locate("")
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	s := dial(t.ControlSocket)
	defer s.close()
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTime)
	defer cancel()
	page, err := s.ListSagas(ctx, &banyanv1.ListSagasRequest{Limit: 100})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var ids []cobra.Completion
	for _, one := range page.GetSagas() {
		ids = append(ids, cobra.CompletionWithDesc(one.GetId(), one.GetName()+", "+view.SagaWord(one.GetState())))
	}
	return ids, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}
