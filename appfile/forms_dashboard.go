package appfile

import "slices"

var dashboardKeys = map[string]string{ //nolint:gosec // names of keys
	"port": "write listen: \":8800\"", "address": "write listen", "addr": "write listen", "host": "write url: https://… with the address that browsers use",
	"enabled": "write dashboard: off, or leave it out", "disabled": "write dashboard: off", "base_url": "write url", "external_url": "write url", "hostname": "write url",
	"tls":  "let a proxy do TLS in front of it, and write url: https://… with the address that browsers use",
	"auth": "remove it: `banyan dashboard` prints a link that lets a browser in", "password": "remove it: `banyan dashboard` prints a link that lets a browser in",
	"users": "remove it: `banyan dashboard` prints a link that lets a browser in",
}

func (b *Dashboard) readNode(d *decoder, n *node, path string) {
	if n.kind == mapKind {
		d.fields(n, path, b)
		return
	}
	fix := "write dashboard: off, or dashboard: {listen: \":8800\"}"
	if n.kind == scalarKind {
		switch text := d.resolve(n, n.text, 0, 0); {
		case text == "off" || text == "false" && (n.bool || text != n.text):
			b.Off = true
			d.ix.set(join(path, "off"), n.pos(), n)
			return
		case slices.Contains([]string{"on", "true", "yes"}, text):
			fix = "leave it out: there is one unless dashboard: off says otherwise"
		}
	}
	d.problem(n.pos(), "dashboard must be off or a mapping, not "+n.describe(), fix)
	d.failed(path)
}

// UnmarshalJSON reads off, or a mapping.
func (b *Dashboard) UnmarshalJSON(data []byte) error { *b = Dashboard{}; return readJSON(data, b) }

// UnmarshalYAML reads off, or a mapping.
func (b *Dashboard) UnmarshalYAML(f func(any) error) error { *b = Dashboard{}; return readYAML(f, b) }
