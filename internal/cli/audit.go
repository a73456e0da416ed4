package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/internal/cli/view"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

func (p *program) auditCommand() *cobra.Command {
	var asJSON bool
	var limit int32
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show who did what to the app, by the CLI and in the dashboard",
		Long: `Show who did what to the app, by the CLI and in the dashboard, the newest last:
what was changed, what was refused, and who came into the dashboard.`,
		Example: "  banyan audit\n  banyan audit -n 500 --json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.audit(cmd.Context(), limit, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the actions as JSON (banyan.v1.ListActionsResponse), the newest first")
	cmd.Flags().Int32VarP(&limit, "number", "n", 50, "how many, 1 to 1000")
	return cmd
}

func (p *program) audit(ctx context.Context, limit int32, asJSON bool) error {
	s, _, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	res, err := s.ListActions(ctx, &banyanv1.ListActionsRequest{Limit: limit})
	if err != nil {
		return err
	}
	if asJSON {
		return p.printJSON(res)
	}
	for _, line := range view.Actions(res, p.width(), p.color) {
		fmt.Fprintln(p.out, line)
	}
	return nil
}
