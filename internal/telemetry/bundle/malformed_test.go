package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/fault"
)

// entry is one of a tar.
type entry struct {
	name string
	data []byte
}

func unpack(t *testing.T, data []byte) (all []entry) {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		data, err2 := io.ReadAll(r)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		all = append(all, entry{h.Name, data})
	}
}

func pack(t *testing.T, all []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := newWriter(&b, manifest())
	for _, e := range all {
		if e.name == sumsName && e.data == nil {
			e.data = w.sums
		}
		if err := w.entry(e.name, e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.tar.Close(), w.zip.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestMalformed: nothing of a bundle is imported that is not right, and it is said
// where it is not.
func TestMalformed(t *testing.T) {
	good, _ := written(t, shop(1100, 60), all())
	whole := unpack(t, good)
	names := []string{}
	for _, e := range whole {
		names = append(names, e.name)
	}
	if got := strings.Join(names, " "); got != "manifest.json traces/000001.json traces/000002.json logs/000001.json totals.json SHA256SUMS" {
		t.Fatal(got)
	}
	change := func(do func([]entry) []entry) []byte {
		all := do(slices.Clone(whole))
		for i := range all {
			if all[i].name == sumsName {
				all[i].data = nil // made anew
			}
		}
		return pack(t, all)
	}
	set := func(i int, from, to string) []byte {
		return change(func(all []entry) []entry {
			if !bytes.Contains(all[i].data, []byte(from)) {
				t.Fatalf("%s has no %q", all[i].name, from)
			}
			all[i].data = bytes.Replace(all[i].data, []byte(from), []byte(to), 1)
			return all
		})
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	sums := slices.Clone(whole)
	sums[5].data = bytes.Replace(sums[5].data, []byte("  logs"), []byte("0  logs"), 1)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":         {nil, "cut short"},
		"no gzip":       {[]byte("hello, this is no bundle at all"), "not packed by gzip"},
		"cut":           {good[:len(good)/2], "cut short"},
		"no end":        {good[:len(good)-4], "cut short"},
		"a bit":         {flipped, ""},
		"another file":  {pack(t, []entry{{"README", []byte("hello")}}), "README: it stands where manifest.json should"},
		"a manifest":    {set(0, format, "x"), "manifest.json: it is no telemetry bundle"},
		"a version":     {set(0, `"version": 1`, `"version": 2`), "this Banyan reads version 1"},
		"a name":        {set(0, "shop-2", "../op-2"), "no name"},
		"no JSON":       {set(1, "{", "["), "traces/000001.json"},
		"no span":       {set(2, `"spanId":"`, `"spanid":"`), "traces/000002.json: a record cannot be read: it has no span_id"},
		"fewer":         {change(func(all []entry) []entry { return append(all[:2], all[3:]...) }), "totals.json: it says"},
		"an order":      {change(func(all []entry) []entry { all[1], all[2] = all[2], all[1]; return all }), "traces/000002.json: it is not among the entries that come now"},
		"another entry": {change(func(all []entry) []entry { all[3].name = "../logs"; return all }), "../logs: it is not among"},
		"one behind":    {change(func(all []entry) []entry { return append(all, entry{"x", nil}) }), "x: it stands behind SHA256SUMS"},
		"no sums":       {change(func(all []entry) []entry { return all[:5] }), "it ends before SHA256SUMS"},
		"a sum":         {pack(t, sums), "SHA256SUMS: the checksums are not those of the entries: logs/000001.json"},
	} {
		to := &kept{}
		_, err := importFile(t.Context(), bytes.NewReader(c.data), to, "", now)
		if fault.CodeOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) || len(to.spans)+len(to.logs) > 0 {
			t.Errorf("%s: %v, want %q; %d", name, err, c.want, len(to.spans))
		}
	}
	if _, err := importFile(t.Context(), bytes.NewReader(change(func(all []entry) []entry { return all })), &kept{}, "", now); err != nil {
		t.Error(err)
	}
}

// TestLarge: a bundle that unpacks to more than it may is refused without being
// unpacked whole, and so is an entry that says that it is large.
func TestLarge(t *testing.T) {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	w := tar.NewWriter(zip)
	data := bytes.Repeat([]byte(" "), mostPart+1)
	if err := errors.Join(w.WriteHeader(&tar.Header{Name: manifestName, Size: int64(len(data))})); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := read(&b, visitor{}); fault.CodeOf(err) != fault.Invalid || !strings.Contains(err.Error(), "larger than") {
		t.Error(err)
	}
}
