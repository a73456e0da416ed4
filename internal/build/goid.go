package build

import (
	"crypto/sha256"
	"debug/elf"
	"io"
	"os"
	"slices"
)

// idNotes are the sections by which the Go toolchain identifies a build. They
// differ where only a comment of the source did (the linker's input differs, its
// output does not), and a new comment is no new revision.
var idNotes = []string{".note.go.buildid", ".note.gnu.build-id"}

// span is a part of a file: [from, to).
type span struct{ from, to int64 }

// goIDs finds the build identities in a Go program; none in any other file.
// Programs for macOS are not looked into: there a comment may cost a restart.
func goIDs(r io.ReaderAt) []span {
	f, err := elf.NewFile(r)
	if err != nil || f.Section(idNotes[0]) == nil {
		return nil
	}
	var spans []span
	for _, name := range idNotes {
		if s := f.Section(name); s != nil && s.Type == elf.SHT_NOTE {
			spans = append(spans, span{int64(s.Offset), int64(s.Offset + s.FileSize)})
		}
	}
	spans = slices.DeleteFunc(spans, func(s span) bool { return s.from < 0 || s.to < s.from })
	slices.SortFunc(spans, func(a, b span) int { return int(a.from - b.from) })
	return spans
}

// hashOutput hashes a file that a build made. Build identities count as absent.
func hashOutput(path string) (sum [32]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return sum, err
	}
	h := sha256.New()
	at := int64(0)
	for _, s := range append(goIDs(f), span{info.Size(), info.Size()}) {
		if s.from < at {
			continue // overlapping sections: what they hide is hashed
		}
		if _, err := io.Copy(h, io.NewSectionReader(f, at, s.from-at)); err != nil {
			return sum, err
		}
		at = s.to
	}
	h.Sum(sum[:0])
	return sum, nil
}
