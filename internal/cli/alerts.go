package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/internal/cli/view"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

func (p *program) alertsCommand() *cobra.Command {
	var all, asJSON bool
	cmd := &cobra.Command{
		Use:   "alerts",
		Short: "Show which alerts fire",
		Long: `Show the alerts that fire or are pending, and the rules that could not be
evaluated. With --all, every rule: those of the app file and those that come with
Banyan.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.alerts(cmd.Context(), all, asJSON) },
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "show every rule")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print all rules as JSON (banyan.v1.ListAlertsResponse)")
	return cmd
}

func (p *program) alerts(ctx context.Context, all, asJSON bool) error {
	s, _, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	res, err := s.ListAlerts(ctx, &banyanv1.ListAlertsRequest{})
	if err != nil {
		return err
	}
	if asJSON {
		return p.printJSON(res)
	}
	for _, l := range view.Alerts(res.GetRules(), view.AlertOptions{Width: p.width(), Color: p.color, Now: p.now(), All: all}) {
		fmt.Fprintln(p.out, l)
	}
	return nil
}
