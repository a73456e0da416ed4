package cli

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/cli/view"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/secret"
)

func (p *program) secretCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "secret",
		Short: "Set, list and remove secrets",
		Long: `Set, list and remove the secrets that the app file names and that come neither
from a file nor from the environment.

They are kept in the state directory, readable by you alone, and encrypted if
BANYAN_SECRET_KEY_FILE names a key file (32 random bytes or more) for all commands.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "set NAME",
		Short: "Set a secret to what is typed, or to standard input",
		Long: `Set a secret to a value that is typed without being shown, or to standard input
less one newline at its end. The value is never an argument: others could read it
in the list of processes.`,
		Example: "  banyan secret set bank-key\n  banyan secret set bank-key <bank.key",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return p.secretSet(args[0]) },
	}, &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the app's secrets and where their values come from",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return p.secretList() },
	}, &cobra.Command{
		Use:               "rm NAME",
		Aliases:           []string{"remove"},
		Short:             "Remove a secret",
		Args:              cobra.ExactArgs(1),
		RunE:              func(_ *cobra.Command, args []string) error { return p.secretRemove(args[0]) },
		ValidArgsFunction: p.completeSecrets,
	})
	return cmd
}

func (p *program) secretStore() (secret.Store, target, error) {
	t, err := p.locate("")
	if err != nil {
		return secret.Store{}, t, err
	}
	keyFile := p.getenv(secret.KeyVariable)
	if keyFile != "" {
		keyFile = p.absolute(keyFile)
	}
	key, err := secret.DeriveKey(keyFile)
	return secret.Store{Dir: t.Secrets, Key: key}, t, err
}

func (p *program) secretSet(name string) error {
	if err := secret.CheckName(name); err != nil {
		return err
	}
	store, t, err := p.secretStore()
	if err != nil {
		return err
	}
	value, err := p.readSecret(name)
	if err != nil {
		return err
	}
	if err := t.Prepare(); err != nil { // its .gitignore keeps secrets out of repositories
		return err
	}
	if err := store.Set(name, value); err != nil {
		return err
	}
	fmt.Fprintf(p.out, "secret %s is set\n", name)
	if file, err := p.appFile(t); err == nil && !stored(file.App.Secrets[name], file.App, name) {
		fmt.Fprintf(p.err, "%s%s does not take secret %s from here; write `secrets: {%s: {}}` in it\n",
			view.Yellow.Paint("warning: ", p.color), t.File, name, name)
	}
	return nil
}

// stored reports whether the app takes the value of name from the store.
func stored(s *appfile.Secret, app *appfile.App, name string) bool {
	_, named := app.Secrets[name]
	return named && (s == nil || s.File == "" && s.Environment == "")
}

func (p *program) readSecret(name string) ([]byte, error) {
	if p.password != nil {
		fmt.Fprintf(p.err, "Value of %s (it is not shown): ", name)
		value, err := p.password()
		fmt.Fprintln(p.err)
		return value, err
	}
	value, err := io.ReadAll(io.LimitReader(p.in, secret.MaxSize+2))
	if err != nil {
		return nil, fault.New(fault.Unavailable, "standard input cannot be read: %w", err)
	}
	value = bytes.TrimSuffix(value, []byte("\n"))
	return bytes.TrimSuffix(value, []byte("\r")), nil
}

func (p *program) appFile(t target) (*appfile.File, error) {
	if t.Abs == "" {
		return nil, fault.New(fault.NotFound, "there is no app file")
	}
	return p.load(t, "", []string{"*"})
}

// secretList shows what is stored and what the app file names; an app file
// with mistakes does not hide what is stored.
func (p *program) secretList() error {
	store, t, err := p.secretStore()
	if err != nil {
		return err
	}
	names, err := store.List()
	if err != nil {
		return err
	}
	from := map[string]string{}
	for _, name := range names {
		from[name] = "set"
	}
	if file, err := p.appFile(t); err == nil {
		describeSecrets(from, file.App)
	}
	width := 0
	for name := range from {
		width = max(width, view.Width(name))
	}
	for _, name := range slices.Sorted(maps.Keys(from)) {
		fmt.Fprintf(p.out, "%s  %s\n", view.Pad(name, width), from[name])
	}
	return nil
}

func describeSecrets(from map[string]string, app *appfile.App) {
	for name := range from {
		if !stored(app.Secrets[name], app, name) {
			from[name] = "set, and not used by the app file"
		}
	}
	for name, s := range app.Secrets {
		switch {
		case s != nil && s.File != "":
			from[name] = "from file " + s.File
		case s != nil && s.Environment != "":
			from[name] = "from variable " + s.Environment
		case from[name] == "":
			from[name] = "missing; set it with `banyan secret set " + name + "`"
		}
	}
}

func (p *program) secretRemove(name string) error {
	store, _, err := p.secretStore()
	if err != nil {
		return err
	}
	if err := store.Remove(name); err != nil {
		return err
	}
	fmt.Fprintf(p.out, "secret %s is removed\n", name)
	return nil
}

func (p *program) completeSecrets(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	store, _, err := p.secretStore()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, _ := store.List() // nothing to offer then
	return names, cobra.ShellCompDirectiveNoFileComp
}
