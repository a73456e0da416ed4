package cli

import (
	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/appfile"
)

func (p *program) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of the app file, for editors",
		Example: "  banyan schema >banyan.schema.json\n  # yaml-language-server: $schema=banyan.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := p.out.Write(appfile.Schema())
			return err
		},
	}
}
