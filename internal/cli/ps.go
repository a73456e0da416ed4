package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/banyanrun/banyan/internal/cli/view"
)

func (p *program) psCommand() *cobra.Command {
	var asJSON, instances bool
	cmd := &cobra.Command{
		Use:   "ps",
		Short: "Show the app's services and how they are",
		Long: `Show the app's services and how they are: a row a service, and what is wrong
below it. CPU is the processor time used since the instances started.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.ps(cmd.Context(), asJSON, instances) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the whole status as JSON (banyan.v1.Status)")
	cmd.Flags().BoolVarP(&instances, "instances", "i", false, "show every instance, not only those in trouble")
	return cmd
}

func (p *program) ps(ctx context.Context, asJSON, instances bool) error {
	t, err := p.locate("")
	if err != nil {
		return err
	}
	s, st, err := p.reach(ctx, t)
	if err != nil {
		return err
	}
	defer s.close()
	if asJSON {
		return p.printJSON(st)
	}
	for _, l := range view.Status(st, view.StatusOptions{Width: p.width(), Color: p.color, Now: p.now(), Instances: instances}) {
		fmt.Fprintln(p.out, l)
	}
	return nil
}

// printJSON prints all fields, also those that are zero, so that scripts
// can rely on them. protojson varies its white space on purpose; this does not.
func (p *program) printJSON(m proto.Message) error {
	data, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, data, "", "  "); err != nil {
		return err
	}
	fmt.Fprintln(p.out, b.String())
	return nil
}
