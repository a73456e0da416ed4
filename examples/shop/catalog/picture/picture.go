// Package picture draws product pictures as SVG. A shop has photographs; an example has these: a shape of the product's kind,
// before the motif and in the colours of its category, a little different for each product and always the same for one.
package picture

import (
	"embed"
	"encoding/xml"
	"fmt"
	"hash/fnv"
	"io/fs"
	"strings"
)

// The art is plain SVG on a canvas of 400 by 400, in classes that the style sheet of the picture gives their colours.
//
//go:embed shapes/*.svg motifs/*.svg
var art embed.FS

// hues are the categories' colours, in degrees of the colour wheel.
var hues = map[string]int{
	"coffee": 24, "kitchen": 8, "stationery": 212, "lighting": 44, "garden": 128, "outdoors": 176, "audio": 268, "textiles": 332,
}

// Subject is what a picture is of.
type Subject struct{ ID, Name, Category, Shape string }

// Draw gives the picture of a subject. It fails if there is no such shape or no motif for the category.
func Draw(s Subject) ([]byte, error) {
	category := strings.ToLower(s.Category)
	shape, err := fs.ReadFile(art, "shapes/"+s.Shape+".svg")
	if err != nil {
		return nil, err
	}
	motif, err := fs.ReadFile(art, "motifs/"+category+".svg")
	if err != nil {
		return nil, err
	}
	v := variationOf(s.ID)
	return fmt.Appendf(nil, frame, escape(s.Name), style(hues[category]+v.hue, v.accent), motif, v.x, v.y, v.radius, v.turn, v.flip, shape), nil
}

const frame = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" role="img" aria-labelledby="t">
<title id="t">%s</title>
<style>%s</style>
<defs>%s</defs>
<path class="bg" d="M0 0h400v400H0z"/>
<path class="motif" d="M0 0h400v400H0z" fill="url(#m)"/>
<circle class="halo" cx="%d" cy="%d" r="%d"/>
<ellipse class="shade" cx="200" cy="332" rx="128" ry="14"/>
<g transform="translate(200 210) rotate(%d) scale(%d 1) translate(-200 -210)">
%s</g>
</svg>
`

// variation is how one product's picture differs from another's of the same shape.
type variation struct{ hue, accent, x, y, radius, turn, flip int }

func variationOf(id string) variation {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(id))
	bits := hash.Sum64()
	pick := func(n uint64) int {
		value := bits % n
		bits /= n
		return int(value)
	}
	accents := []int{40, 150, 180, 205, 320}
	return variation{
		hue:    pick(37) - 18,
		accent: accents[pick(5)],
		x:      170 + pick(61),
		y:      170 + pick(41),
		radius: 140 + pick(31),
		turn:   pick(9) - 4,
		flip:   1 - 2*pick(2),
	}
}

// style gives the classes of the art their colours: a to e are the body, its shaded side, its light, the accent and the dark; u is
// coffee, v steel, p and q leaves; the other letters are lines.
func style(hue, accent int) string {
	hsl := func(hue, saturation, lightness int) string {
		return fmt.Sprintf("hsl(%d,%d%%,%d%%)", (hue+360)%360, saturation, lightness)
	}
	fill := func(class, colour string) string { return "." + class + "{fill:" + colour + "}" }
	line := func(class, colour string, width int) string {
		return fmt.Sprintf(".%s{fill:none;stroke:%s;stroke-width:%d;stroke-linecap:round;stroke-linejoin:round}", class, colour, width)
	}
	return fill("bg", hsl(hue, 46, 90)) +
		fill("motif{opacity:.5}#m", hsl(hue, 44, 84)) +
		fill("halo", hsl(hue, 70, 96)) +
		".shade{fill:" + hsl(hue, 30, 30) + ";opacity:.18}" +
		fill("a", hsl(hue, 52, 54)) + fill("b", hsl(hue, 50, 44)) + fill("c", hsl(hue, 60, 76)) +
		fill("d", hsl(hue+accent, 58, 58)) + fill("e", hsl(hue, 30, 22)) + fill("w", hsl(hue, 40, 97)) +
		fill("u", hsl(22, 48, 34)) + fill("v", hsl(hue, 12, 74)) +
		fill("p", hsl(138, 38, 42)) + fill("q", hsl(146, 34, 56)) +
		".h{fill:" + hsl(48, 95, 72) + ";opacity:.45}" +
		line("r", hsl(hue, 50, 44), 16) + line("t", hsl(hue, 30, 26), 11) + line("k", hsl(hue, 30, 24), 18) +
		line("l", hsl(hue, 30, 26), 5) + line("g", hsl(hue, 40, 34), 3) + line("n", hsl(hue, 20, 40), 2) +
		line("s", hsl(hue, 40, 66), 7)
}

func escape(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(text)) // a Builder never fails
	return out.String()
}
