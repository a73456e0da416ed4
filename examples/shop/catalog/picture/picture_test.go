package picture

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
)

func TestEveryShapeDrawsWellFormedAndTitled(t *testing.T) {
	shapes, err := fs.Glob(art, "shapes/*.svg")
	if err != nil || len(shapes) == 0 {
		t.Fatalf("shapes: %v, %v", shapes, err)
	}
	for category := range hues {
		for _, file := range shapes {
			shape := strings.TrimSuffix(strings.TrimPrefix(file, "shapes/"), ".svg")
			svg, err := Draw(Subject{ID: shape, Name: `Salt & <Pepper>`, Category: category, Shape: shape})
			if err != nil {
				t.Fatal(err)
			}
			wellFormed(t, svg)
			if !bytes.Contains(svg, []byte("<title id=\"t\">Salt &amp; &lt;Pepper&gt;</title>")) || bytes.Contains(svg, []byte("%!")) {
				t.Fatalf("%s in %s: %s", shape, category, svg)
			}
		}
	}
}

func wellFormed(t *testing.T, svg []byte) {
	t.Helper()
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
	}
}

func TestPicturesAreStableAndDiffer(t *testing.T) {
	one, _ := Draw(Subject{ID: "stoneware-mug", Name: "Mug", Category: "Coffee", Shape: "cup"})
	again, _ := Draw(Subject{ID: "stoneware-mug", Name: "Mug", Category: "Coffee", Shape: "cup"})
	other, _ := Draw(Subject{ID: "enamel-mug", Name: "Mug", Category: "Coffee", Shape: "cup"})
	if !bytes.Equal(one, again) || bytes.Equal(one, other) {
		t.Fatal("a product's picture must stay the same, and differ from another's")
	}
}

func TestUnknownArtIsAnError(t *testing.T) {
	for _, subject := range []Subject{{Category: "Coffee", Shape: "anvil"}, {Category: "Smithy", Shape: "cup"}} {
		if _, err := Draw(subject); err == nil {
			t.Fatalf("%+v was drawn", subject)
		}
	}
}
