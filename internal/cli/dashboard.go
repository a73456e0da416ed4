package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/internal/cli/view"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

func (p *program) dashboardCommand() *cobra.Command {
	var viewer bool
	cmd := &cobra.Command{
		Use:   "dashboard",
		Short: "Print a link to the app's dashboard that lets a browser in",
		Long: `Print a link to the app's dashboard that lets a browser in.

The link works once, within ten minutes; the browser that opens it stays let in
for 30 days, or a week without use. Whoever has the link may do what you may:
with --viewer it lets somebody look who shall change nothing.`,
		Example: "  banyan dashboard\n  banyan dashboard --viewer",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.dashboard(cmd.Context(), viewer) },
	}
	cmd.Flags().BoolVar(&viewer, "viewer", false, "for somebody who may look and change nothing")
	return cmd
}

func (p *program) dashboard(ctx context.Context, viewer bool) error {
	s, _, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	role := banyanv1.DashboardRole_DASHBOARD_ROLE_OPERATOR
	if viewer {
		role = banyanv1.DashboardRole_DASHBOARD_ROLE_VIEWER
	}
	res, err := s.OpenDashboard(ctx, &banyanv1.OpenDashboardRequest{Role: role})
	if err != nil {
		return err
	}
	fmt.Fprintln(p.out, res.GetUrl())
	return nil
}

// invitation is the line of `up` that leads to the dashboard. The link lets in, so
// it is for a terminal that somebody looks at, and for nothing that keeps it.
func (p *program) invitation(ctx context.Context, s *session, st *banyanv1.Status) string {
	if !p.isTerminal() || st.GetDashboardUrl() == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, statusMost)
	defer cancel()
	res, err := s.OpenDashboard(ctx, &banyanv1.OpenDashboardRequest{})
	if err != nil { // it was closed meanwhile; `banyan dashboard` says why
		return ""
	}
	return "dashboard: " + res.GetUrl()
}

// invite tells the way to the dashboard, once.
func (g *foreground) invite() {
	if g.invited {
		return
	}
	if text := g.p.invitation(g.ctx, g.l.session, g.last); text != "" {
		g.invited = true
		g.r.Say(text, view.Bold)
	}
}
